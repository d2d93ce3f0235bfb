"""A proxy login in a browser: the ticket that came as ``login_hint``, or its silent renewal.

See docs/delegation.md. A relying party without ``act_as_supported`` can never get here: no ticket has it as
its audience.
"""

import uuid
from datetime import timedelta

from sqlalchemy.orm import Session

from idp.accounts.models import BrowserSession
from idp.delegation import proxy_logins, tickets
from idp.delegation.exchange_rules import ExchangeRefusal, TicketRefusal, TicketUnusable
from idp.delegation.models import ActAsSession
from idp.delegation.tickets import Lifetimes
from idp.oauth.authorization_request import AskedFor
from idp.oauth.clients import find_client
from idp.oauth.issuing import audience_facts, client_facts, live_act_as
from idp.oauth.models import Client
from idp.settings import Settings


def start_proxy_login(
    session: Session, settings: Settings, *, client: Client, asked: AskedFor, sign_in: BrowserSession
) -> ActAsSession:
    """Redeem the ticket, in the very browser that it was made for.

    :raises TicketUnusable: it is unknown, over, used, of another browser, or for another client.
    """
    lifetimes = Lifetimes(
        timedelta(seconds=settings.act_as_session_lifetime), timedelta(seconds=settings.session_idle)
    )
    ticket = tickets.find_ticket(session, asked.ticket) if asked.ticket else None
    if ticket is None:
        raise TicketUnusable(TicketRefusal.UNKNOWN)
    actor_client = find_client(session, ticket.client_id)
    if actor_client is None:
        raise tickets.unusable(session, ticket, ExchangeRefusal.CLIENT_MAY_NOT_ACT)
    return tickets.redeem_ticket(
        session, ticket, sign_in=sign_in, client=client_facts(actor_client),
        audience=audience_facts(client), app_name=client.client_name, lifetimes=lifetimes,
    )  # fmt: skip


def continue_proxy_login(
    session: Session, settings: Settings, *, client: Client, asked: AskedFor, sign_in: BrowserSession
) -> ActAsSession:
    """Find the running proxy login that the hint names, in this very browser.

    :raises TicketUnusable: there is none that is alive, allowed, of this browser and of this client.
    """
    sid = uuid.UUID((asked.id_token_hint or {})["sid"])
    act_as = live_act_as(session, sid, settings=settings)
    if act_as is None or act_as.staff_session_id != sign_in.id or act_as.audience != client.client_id:
        raise proxy_logins.not_renewable(session, sid, sign_in=sign_in, audience=client.client_id)
    return act_as
