"""Agencies' own systems: their clients and keys, and the events that are pushed to them."""
