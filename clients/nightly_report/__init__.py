"""An agency's own system: each night it writes down the power data of the owners who allow it.

An example to read. It proves itself with its own key, asks which owners allow it now, acts for each of them
at マイページ alone and for reading alone, and forgets whoever has ended it: at the next run, or at once where
it listens for the server's events.
"""
