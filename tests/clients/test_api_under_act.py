"""What an API on the kit learns of whoever acts for an owner, and of the products that the owner chose."""

from pathlib import Path
from typing import Any

from tests.clients.played_server import OWNER, PlayedServer
from tests.clients.test_api_tokens import Caller, expect, make_app, server

__all__ = ["server"]

UNDER_ACT: dict[str, Any] = {"act": {"sub": "staff-1", "org": {"id": "agency-1"}}, "delegation": "grant-1"}


def test_who_acts_is_known_and_can_be_kept_out(server: PlayedServer, tmp_path: Path) -> None:
    caller = Caller(make_app(tmp_path, act_as_supported=True), server)
    acting = caller.token(**UNDER_ACT)
    assert caller.call(acting).get_json() == {"owner": OWNER, "actor": "staff-1"}
    assert caller.call(acting, path="/own").status_code == 403
    assert caller.call(caller.token(), path="/own").status_code == 200
    for limit, seen in (({}, [1001, 1002]), ({"products": [1002]}, [1002]), ({"products": []}, [])):
        limited = caller.token(**UNDER_ACT, **limit)
        assert caller.call(limited, path="/products").get_json() == {"seen": seen}
    half_told = [
        {**UNDER_ACT, "products": "1002"},
        {**UNDER_ACT, "products": [True]},
        {"act": {"sub": "staff-1"}, "delegation": "grant-1"},
        {"act": {"sub": "staff-1", "org": {"id": "agency-1"}}},
        {"act": {"sub": "s", "org": {"id": "a"}, "act": {"sub": "t"}}, "delegation": "grant-1"},
    ]
    for deviation in half_told:
        expect(caller.call(caller.token(**deviation)), 401, "invalid_token")
