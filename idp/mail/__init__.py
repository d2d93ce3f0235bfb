"""Mails and everything else that leaves the server after a transaction: messages, outbox, delivery.

One function for each mail (``messages.py``). The outbox row is written in the transaction that caused it;
the worker delivers it, with retries, and only then is the mail put into words (``rendering.py``), so that a
request that sends one takes as long as a request that sends another. It knows no slice above it.
"""
