"""The append-only record of every change of authority, in a closed vocabulary of events.

Owns the events and the table. It never decides anything, and nothing is ever updated or deleted here.
"""
