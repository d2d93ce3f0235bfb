"""Signing in with address and password: owners' page, agencies' page, one check behind both.

Owns the check and the slowing down of guesses. The session that follows belongs to ``sessions``.
"""
