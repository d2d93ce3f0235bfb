"""The demo's example of an agency's own system: みらい電工's nightly report (``clients/nightly_report``)."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from idp.accounts.models import Agency
from idp.demo import MIRAI
from idp.oauth.client_metadata import CLIENT_CREDENTIALS, TOKEN_EXCHANGE, ClientMetadata
from idp.oauth.clients import register_client
from idp.oauth.models import Client
from idp.oauth.scopes import FOR_SYSTEMS

REPORT = "nightly-report"
LISTENS_AT = "127.0.0.1:8090"


def register_report(session: Session, public_jwk: dict[str, Any]) -> None:
    """Register the system with its key, unless it is there or its agency is not.

    A manager does the same under システム連携; there the server chooses the client_id.
    """
    agency = session.scalars(select(Agency).where(Agency.email == MIRAI.email)).first()
    if agency is None or session.get(Client, REPORT) is not None:
        return
    register_client(
        session,
        ClientMetadata(
            client_id=REPORT, client_name="発電量レポート",
            token_endpoint_auth_method="private_key_jwt",  # noqa: S106 - a method
            jwks={"keys": [public_jwk]}, grant_types=(CLIENT_CREDENTIALS, TOKEN_EXCHANGE),
            scope=" ".join(sorted(FOR_SYSTEMS)), act_as_audiences=("mypage",),
            localized={"client_name#en": "Generation report"},
        ),
    )  # fmt: skip
    system = session.get_one(Client, REPORT)
    system.agency_id, system.event_receiver_uri = agency.id, f"http://{LISTENS_AT}/events"
    session.flush()
