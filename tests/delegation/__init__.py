"""Tests of the delegation slice: its rules alone, its service with a database, APIs and pages over HTTP."""
