"""Everything that must stay true, mirroring the folders of idp and clients; house/ has the rules of the tree.

Owns no data of its own: the people and products of a test are the demo's cast.
"""
