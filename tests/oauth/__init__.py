"""Tests of the oauth slice, endpoint by endpoint, over HTTP; pure parts are tested without it."""
