"""Clients that register themselves (RFC 7591, RFC 7592), with an operator's permission."""
