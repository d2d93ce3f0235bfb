"""People and organisations that can sign in: registration, sign-in, passwords, profile, products, sessions.

Owns accounts, agencies and their members, the owners' products, mailed links and browser sessions.
It does not know who may act for whom (``delegation``) and nothing of OAuth.
"""
