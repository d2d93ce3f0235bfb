"""What supervisors and load balancers ask: does the process live, and can it do its work.

Both are answered at the root of the network address too, whatever Host they are asked under
(`idp/mounting.py`), because who asks stands beside us and comes past the proxy.
"""

from flask import Blueprint, Response
from sqlalchemy.exc import SQLAlchemyError

from idp.migrations import runner
from idp.unit_of_work import current_database

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def lives() -> Response:
    """Say that this process answers; it asks nothing of the database, whose outage no restart would mend."""
    return _plain("ok", status=200)


@blueprint.get("/readyz")
def is_ready() -> Response:
    """Say whether requests may be sent here: the database answers and is the one that this code expects."""
    try:
        is_migrated = runner.is_up_to_date(current_database().engine)
    except SQLAlchemyError:
        return _plain("the database cannot be reached", status=503)
    if not is_migrated:
        return _plain("the database is not migrated", status=503)
    return _plain("ok", status=200)


def _plain(text: str, *, status: int) -> Response:
    return Response(f"{text}\n", status=status, content_type="text/plain; charset=utf-8")
