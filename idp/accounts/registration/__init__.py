"""Becoming a member by way of a mailed link: agencies (業者様の新規会員登録) and owners.

Owns the steps from the address to the finished account. Nothing of an account exists before the mailbox is
proven and the last button pressed; what is typed until then is kept, sealed, with the link.
"""
