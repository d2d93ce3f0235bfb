"""The relying parties: their common kit and the two applications built on it.

Owns whatever an owner or an agency sees outside the authorization server. It holds no passwords, imports
nothing of ``idp`` and reaches the server only through OpenID Connect, OAuth and its HTTP API, as any stranger
would.
"""
