# Needs only git, make and Python 3.11 on Debian; every target fetches the rest of what it uses.
# PYTHON=/path/to/python names another interpreter; PYTEST_ARGS="-k name" narrows `make test`.
# DB=postgres runs the demo on PostgreSQL, DB=sqlite (or nothing) on SQLite; each keeps its own data.
DB ?= sqlite

.DEFAULT_GOAL := help
.PHONY: help demo demo-reset large measure test fuzz model stateful races check fmt lock catalog gallery
MAKEFLAGS += --no-print-directory
DEMO_LOCK = $(if $(filter postgres,$(DB)),postgres,runtime)
DEMO_OPTIONS = --database $(DB)

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: ## run the whole club on this machine: http://localhost:8000, 8001 and 8002 (DB=postgres)
	@tools/bootstrap.sh $(DEMO_LOCK)
	@exec .venv/bin/python -m idp demo run $(DEMO_OPTIONS)

demo-reset: ## forget what was done in the demo and start from its first day
	@tools/bootstrap.sh runtime
	@exec .venv/bin/python -m idp demo reset

large: ## the demo with an agency of 50,000 owners (DB=postgres)
	@tools/bootstrap.sh $(DEMO_LOCK)
	@exec .venv/bin/python -m idp demo run --large $(DEMO_OPTIONS)

test: ## every check and every test, the browser's journeys included
	@tools/bootstrap.sh dev
	@tools/bootstrap.sh browser
	@tools/bootstrap.sh foreign
	@tools/test.sh $(PYTEST_ARGS)

measure: ## what each page of an agency's list with 50,000 owners costs (DB=postgres)
	@tools/bootstrap.sh dev
	@exec .venv/bin/python -m tests.delegation.measure_listing --database $(DB)

fuzz: ## send strange requests to the protocol's endpoints; FUZZ_ARGS="--requests 1000 --over wire"
	@tools/bootstrap.sh dev
	@exec .venv/bin/python -m tests.attacks.fuzz --database $(DB) $(FUZZ_ARGS)

model: ## explore the model of delegation: every state within 8 steps (DEPTH=10)
	@tools/bootstrap.sh dev
	@exec .venv/bin/python -m tests.delegation.model $(DEPTH)

stateful: ## drive the server beside the model with 20 seeds; SEEDS="1 2", DB=postgres
	@tools/bootstrap.sh dev
	@exec .venv/bin/python -m tests.delegation.stateful --database $(DB) $(SEEDS)

races: ## revoke while others exchange, redeem and introspect, 10,000 times; RACES=100, DB=postgres
	@tools/bootstrap.sh dev
	@exec .venv/bin/python -m tests.races.revocation --database $(DB) $(RACES)

check: ## style, types, import layers, templates and house rules
	@tools/bootstrap.sh dev
	@tools/check.sh
	@exec .venv/bin/python -m pytest tests/house

fmt: ## put Python files into the house format
	@tools/bootstrap.sh dev
	@.venv/bin/ruff check --fix-only --quiet .
	@exec .venv/bin/ruff format .

lock: ## resolve pyproject.toml into requirements/*.txt; UPGRADE=1 takes newer versions
	@exec tools/lock.sh $(if $(UPGRADE),--upgrade)

catalog: ## bring the English catalogues up to date with the sources, then compile them
	@tools/bootstrap.sh dev
	@exec tools/update_catalogs.sh

gallery: ## take a picture of every screen
	@tools/bootstrap.sh dev
	@tools/bootstrap.sh browser
	@exec .venv/bin/python -m tools.gallery
