"""What the worker does with changes and events, and what a system makes of what it is sent."""

from typing import Any

import responses
from joserfc import jwt
from joserfc.jwk import KeySet
from sqlalchemy import select

from idp import clock
from idp.mail import delivery
from idp.mail.models import OutboxItem, Topic
from idp.oauth.systems.events import EVENT_URI, grant_change_deliverer, security_event_deliverer
from tests.oauth.assertions import header_of
from tests.world import World


def deliver_events(world: World) -> list[str]:
    """Deliver every change and event that is due, as the worker does; return what went wrong."""
    deliverers = {
        Topic.GRANT_CHANGED: grant_change_deliverer(),
        Topic.SECURITY_EVENT: security_event_deliverer(world.database, world.settings),
    }
    failures = []
    for topic, deliver in deliverers.items():
        due = select(OutboxItem.id).where(
            OutboxItem.topic == topic, OutboxItem.done_at.is_(None), OutboxItem.dead_at.is_(None)
        )
        order = due.order_by(OutboxItem.created_at, OutboxItem.name)
        for item_id in world.read(lambda session, order=order: session.scalars(order).all()):
            claimed = world.write(
                lambda session, one=item_id: delivery.claim(session, one, now=clock.now(), attempts=12)
            )
            if claimed is None:
                continue
            outcome: delivery.Delivered | delivery.DeliveryFailed
            try:
                outcome = deliver(delivery.unseal_delivery(claimed, world.database.sealer))
            except delivery.DeliveryFailed as failure:
                outcome = failure
                failures.append(failure.reason)
            world.write(lambda session, one=claimed, outcome=outcome: _settle(session, one, outcome))
    return failures


def _settle(session: Any, claimed: delivery.Claimed, outcome: Any) -> None:
    if isinstance(outcome, delivery.Delivered):
        delivery.settle_delivered(session, claimed, outcome, now=clock.now())
    else:
        delivery.settle_failed(session, claimed, outcome, now=clock.now(), attempts=12)


def received(world: World, network: responses.RequestsMock) -> list[dict[str, Any]]:
    """Return what the verified tokens say that were pushed, in their order."""
    keys = KeySet.import_key_set(world.api("GET", "/oauth/jwks").get_json())
    found = []
    for call in network.calls:
        body = call.request.body
        assert isinstance(body, bytes)
        assert header_of(body.decode())["typ"] == "secevent+jwt"
        found.append(dict(jwt.decode(body.decode(), keys, algorithms=["ES256"]).claims))
    return found


def kinds(claims: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Return kind and subject of each event."""
    return [(next(iter(one["events"])).removeprefix(EVENT_URI), one["sub_id"]["id"]) for one in claims]
