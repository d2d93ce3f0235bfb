"""What delegation has to know of relying parties and agencies' systems; ``oauth`` tells it."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from flask import current_app
from sqlalchemy.orm import Session


@dataclass(frozen=True)
class App:
    """A client, as an owner knows it."""

    name: str
    name_en: str
    confirms_logout: bool
    """It is told when a proxy login is over, and answers; another keeps its token for its last minutes."""


FindApps = Callable[[Session, Collection[str]], Mapping[str, App]]
"""Returns the apps with these client ids; one that is not there is left out."""


def registered_apps() -> FindApps:
    """Return where to ask for apps in a request."""
    find_apps: FindApps = current_app.extensions["find_apps"]
    return find_apps


def app_of(apps: Mapping[str, App], client_id: str) -> App:
    """Return an app, or what is left of one that nobody knows any more."""
    return apps.get(client_id) or App(client_id, client_id, confirms_logout=False)
