"""The owners' products: claiming a unit by its serial number, and the services that it has joined.

Owns products once they have left the factory. What a product measures belongs to マイページ.
"""
