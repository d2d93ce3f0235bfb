"""The OpenAPI document of the APIs, and its address.

``openapi.yaml`` is written by hand: it is the promise, and tests hold every answer of the server against it.
"""
