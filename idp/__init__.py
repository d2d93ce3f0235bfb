"""The identity provider of the owners' club: sign-in, OAuth 2 / OpenID Connect, and delegation.

Owns everything that proves identity or records consent. It does not own マイページ or the agencies'
portal: those are relying parties under ``clients/`` and reach this package over HTTP only.
"""
