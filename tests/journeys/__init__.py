"""The journeys of owners and agencies in a real browser, through the processes that the demo runs.

A test says only what a person does and sees. What nobody may ever see (a script's error, a blocked form, a
request to a stranger) fails it from ``person.py``.
"""
