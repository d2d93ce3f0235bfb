"""The house rules that no linter knows, one test a rule, each naming every offender at once.

Owns rules about the tree (sizes, names, templates, catalogues). It does not own what ruff, mypy, djlint and
import-linter check already, nor anything about behaviour.
"""
