"""What every test has: the guards of tests/guards.py."""

pytest_plugins = ["tests.guards", "tests.fixtures"]
