"""Attacks by number, each over HTTP against two worker processes, on every kind of database that we serve.

``cases.py`` lists the cases; a test names those that it tries, and ``test_coverage.py`` misses none. What
an attack leaves behind is compared by a digest of all that is worth protecting, and beside each attack
stands the same request without the deviation, which must succeed.
"""
