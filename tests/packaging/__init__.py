"""The wheel, as an installation gets it: built, installed and served in a folder that holds nothing else.

Owns nothing about behaviour; a page that answers here has its template, style and words with it.
"""
