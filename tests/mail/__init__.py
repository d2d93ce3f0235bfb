"""Tests of the mail slice: wording, outbox, delivery through a real SMTP server, worker processes."""
