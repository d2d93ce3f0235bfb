"""Setting a password anew: by a mailed link when it is forgotten, or with the present one.

Owns the two ways. What a password may be is told by ``password_rule``; whether one is right, by ``sign_in``.
"""
