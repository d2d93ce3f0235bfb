"""What a walk past the pages is made of (``tour``)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.journeys.club import Club
from tests.journeys.person import Crowd, Person


@dataclass(frozen=True)
class Stop:
    """A page to look at. The name becomes that of its picture."""

    name: str
    person: Person
    is_mail: bool = False


Walk = Callable[[Club, Crowd], Iterator[Stop]]


@dataclass(frozen=True)
class Chapter:
    """A part of the tour, and the pages that it passes: the application and the endpoint of each."""

    title: str
    walk: Walk
    pages: frozenset[str]


def pages(**endpoints: str) -> frozenset[str]:
    """Return pages as ``Chapter.pages`` names them."""
    return frozenset(f"{app} {endpoint}" for app, names in endpoints.items() for endpoint in names.split())
