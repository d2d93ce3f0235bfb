"""The club's entrance: the menu, the language switch, and the way to the agencies' portal.

Owns the pages that are there before anybody is known.
"""
