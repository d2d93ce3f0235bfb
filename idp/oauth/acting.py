"""Which relying parties support acting, as delegation has to know: it sees no clients itself."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from idp.delegation.permissions.service import RegisteredApp
from idp.oauth.consent.words import localized
from idp.oauth.models import Client, ClientStatus


def apps_that_support_acting(session: Session) -> list[RegisteredApp]:
    """Return the maker's own first, then the longest known; names are in the language of the page."""
    clients = session.scalars(
        select(Client)
        .where(Client.status == ClientStatus.ACTIVE, Client.act_as_supported)
        .order_by(Client.first_party.desc(), Client.created_at, Client.client_id)
    )
    return [
        RegisteredApp(
            client.client_id, localized(client, "client_name") or client.client_id,
            tuple(client.act_as_permissions),
        )
        for client in clients
    ]  # fmt: skip
