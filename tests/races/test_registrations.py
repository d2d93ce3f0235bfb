"""The last use of an initial access token is one use, in whatever process."""

import json
from collections import Counter

from sqlalchemy import func, select

from idp.oauth.models import Client
from tests.oauth.registrar import CALLBACK, REGISTER, Registrar
from tests.races.arena import Arena, Message
from tests.world import World

MANY, USES = 20, 3


def test_of_twenty_that_use_a_token_for_three_three_are_registered(arena: Arena, world: World) -> None:
    registrar = Registrar(world, uses=USES)
    headers = {"Authorization": f"Bearer {registrar.token}", "Content-Type": "application/json"}
    body = json.dumps({"redirect_uris": [CALLBACK], "client_name": "race"})
    answers = arena.at_once([Message("POST", REGISTER, body, headers) for _ in range(MANY)])
    assert Counter(answer.status for answer in answers) == {201: USES, 401: MANY - USES}
    stored = select(func.count()).select_from(Client).where(Client.client_name == "race")
    assert world.read(lambda session: session.scalar(stored)) == USES


def test_of_a_deleted_client_nothing_is_left_by_a_replacement_beside_it(
    arena: Arena, world: World, rounds: range
) -> None:
    registrar = Registrar(world)
    for _round in rounds:
        app = registrar.register()
        path = app["registration_client_uri"].removeprefix(world.settings.issuer)
        headers = {"Authorization": f"Bearer {app['registration_access_token']}",
                   "Content-Type": "application/json"}  # fmt: skip
        body = json.dumps({"client_id": app["client_id"], "redirect_uris": [f"{CALLBACK}/new"]})
        put, delete = (Message(method, path, body, headers) for method in ("PUT", "DELETE"))
        answers = arena.at_once([put, put, delete, put, put])
        assert {answer.status for answer in answers} <= {200, 204, 401}
        assert (registrar.stored(app).status, registrar.stored(app).redirect_uris) == ("disabled", [])
