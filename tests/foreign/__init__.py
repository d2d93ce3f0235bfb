"""Clients that others wrote sign in at the real server, over HTTP, as their users would have them do."""
