"""Mails and everything else that leaves the server after a transaction: messages, outbox, delivery.

One function for each mail (``messages.py``), rendered when it is enqueued; the outbox row is written in
the transaction that caused it, and the worker delivers it with retries. It knows no slice above it.
"""
