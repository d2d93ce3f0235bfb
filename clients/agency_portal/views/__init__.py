"""The portal's pages: one module for each thing that staff come for.

Owns reading forms and addresses, calling ``service`` and choosing the next page. Does not own any question to
the server (``service``) nor which buttons are offered (``rules``).
"""
