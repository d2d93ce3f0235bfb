"""The root of every "no" that the domain can say.

A ``Refusal`` is a fact about the world, carrying data, not prose. The edge turns it into a page, a
problem document or an OAuth error; one table for each of these finds gaps in tests.
"""


class Refusal(Exception):
    """Something asked for is not allowed, not there or no longer true.

    :cvar status: the HTTP status of a page or API answer that tells it.
    """

    status = 409


class NotFound(Refusal):
    """There is no such thing, or none that this person may know of: both look the same."""

    status = 404


class Forbidden(Refusal):
    """The person is known and may not do this."""

    status = 403
