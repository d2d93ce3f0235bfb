"""Letting in a device that has no keyboard (RFC 8628): codes, the pages where a person answers."""
