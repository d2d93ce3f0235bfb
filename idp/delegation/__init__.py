"""Who may act for whom, for what, until when: delegation grants, act-as sessions and their history.

The heart of the product. ``rules.py`` can be read aloud to a lawyer; ``service.authority_for`` is the one
question "what may this actor do for this owner now?" and is asked anew each time. It knows nothing of
OAuth, tokens or HTTP clients: ``oauth`` calls down to it.
"""
