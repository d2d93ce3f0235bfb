"""The protocol: OAuth 2 and OpenID Connect, one file for each endpoint, grant type or RFC.

The only importer of Authlib (which authenticates clients, dispatches grants and formats errors at the
token endpoint) and joserfc (which signs and verifies). RFC words stay in here: domain words reach this
slice through ``delegation.service``. It stores no account, consent or grant of its own making.
"""
