"""A returned response commits, an exception rolls back; nothing else in this package says commit.

Each request has one session, opened by the first query. Requests that will write are known by their
method, or by ``writes_on_get`` for the authorization endpoint, whose GET stores the request it parsed.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from flask import Flask, Response, current_app, g, request
from sqlalchemy.orm import Session

from idp.db import Database

ViewT = TypeVar("ViewT", bound=Callable[..., Any])
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


@contextmanager
def unit_of_work(database: Database, *, writes: bool = True) -> Iterator[Session]:
    """Yield a session outside of a request (commands, worker); commit on return, roll back on error."""
    with database.open_session(writes=writes) as session:
        yield session
        session.commit()


def writes_on_get(view: ViewT) -> ViewT:
    """Mark a view whose GET stores something that the protocol asks for."""
    view.writes_on_get = True  # type: ignore[attr-defined]
    return view


def _spare_writers() -> Response | None:
    """Answer HEAD for such a view without running it: who only asks for headers wants nothing done."""
    view: Any = current_app.view_functions.get(request.endpoint or "")
    if request.method == "HEAD" and getattr(view, "writes_on_get", False):
        return Response(content_type="text/html; charset=utf-8")
    return None


def current_database() -> Database:
    """Return the database of the running application, for a unit of work beside the request's own."""
    database: Database = current_app.extensions["database"]
    return database


def current_session() -> Session:
    """Return the session of this request, opening it if need be."""
    session: Session | None = g.get("_session")
    if session is None:
        session = current_database().open_session(writes=_request_writes())
        g._session = session
    return session


def discard() -> None:
    """Undo everything of this request that is not stored yet."""
    session: Session | None = g.get("_session")
    if session is not None:
        session.rollback()


def _request_writes() -> bool:
    view: Any = current_app.view_functions.get(request.endpoint or "")
    return request.method not in SAFE_METHODS or getattr(view, "writes_on_get", False)


def init_app(app: Flask, database: Database) -> None:
    """Give the application its database and bind each request's session to its outcome."""
    app.extensions["database"] = database

    def store(response: Response) -> Response:
        session: Session | None = g.get("_session")
        if session is not None:
            session.commit()
        return response

    def close(_error: BaseException | None) -> None:
        session: Session | None = g.pop("_session", None)
        if session is not None:
            session.close()

    app.before_request(_spare_writers)
    app.after_request(store)
    app.teardown_request(close)
