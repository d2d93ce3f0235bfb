"""``idp apply FILE``: clients, products, owners and agencies as one file describes them.

Applying twice changes nothing the second time. What the file does not name stays as it is. Owns reading the
file and comparing; what may be registered is decided where it always is.
"""
