"""What an owner can read, and is told, of every use of a permission: in browsers and by agencies' systems."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import time_machine
from sqlalchemy import update

from idp import clock, credentials
from idp.accounts.models import OwnerProfile
from idp.accounts.rules import ProxyLoginMail
from idp.audit.events import Event
from idp.delegation.models import ActAsSession
from idp.demo import HANAKO, ICHIRO, MIRAI
from tests.oauth.desk import EVERYTHING, Desk, Parties
from tests.oauth.relying_party import RelyingParty
from tests.oauth.systems import own_token, system_of
from tests.world import MANAGER, World

HISTORY = "/account/delegations"
NOON = datetime(2027, 1, 15, 12, tzinfo=clock.JST)
NOTHING_CHANGED = "変更した内容はありません。"


@pytest.fixture
def desk(world: World, parties: Parties) -> Desk:
    return Desk(world, parties)


def read(world: World, mypage: RelyingParty, query: str = "") -> dict[str, Any]:
    """Return what the API tells the owner."""
    answer = world.api("GET", f"/api/me/proxy-logins{query}", mypage.sign_in(HANAKO).access_token)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.get_json()
    return body


def use_api(world: World, parties: Parties) -> str:
    """Let the agency's system exchange for an access token, as whoever is at the desk now."""
    desk = Desk(world, parties)
    return (
        desk.portal.exchange(desk.staff.access_token, world.grant().id, reason="点検").tokens().access_token
    )


def told_of_systems(world: World) -> int:
    """Return how many mails have told an owner of a system."""
    return sum(letter.data.get("by_system", False) for letter in world.letters())


def change(world: World, token: str, **services: bool) -> int:
    """Change services of the owner's product; return its number."""
    product = world.api("GET", "/api/me/products", token).get_json()["items"][0]
    answer = world.api("PATCH", f"/api/me/products/{product['id']}", token, json={"services": services})
    assert answer.status_code == 200, answer.text
    number: int = product["product_id"]
    return number


# --- agencies' systems ----------------------------------------------------------------------------------


def test_the_owner_sees_that_an_agencys_system_used_the_permission(
    world: World, parties: Parties, mypage: RelyingParty
) -> None:
    use_api(world, parties)
    page = world.browser(HANAKO).get(HISTORY).text
    assert "（システムから）" in page
    assert MANAGER.name in page
    assert "<dd>点検</dd>" in page
    [item] = read(world, mypage)["items"]
    assert (item["kind"], item["agency"], item["member"], item["reason"]) == (
        "api", MIRAI.name, MANAGER.name, "点検",
    )  # fmt: skip


def test_a_person_in_a_browser_is_not_shown_as_a_system(
    world: World, desk: Desk, mypage: RelyingParty
) -> None:
    desk.act()
    assert "（システムから）" not in world.browser(HANAKO).get(HISTORY).text
    [item] = read(world, mypage)["items"]
    assert item["kind"] == "browser"
    assert told_of_systems(world) == 0


def test_the_first_use_by_a_system_on_a_day_in_japan_is_mailed(world: World, parties: Parties) -> None:
    midnight = NOON.replace(hour=0) + timedelta(days=1)
    for moment, mails in (
        (NOON, 1), (NOON + timedelta(minutes=5), 1), (midnight - timedelta(seconds=1), 1),
        (midnight, 2), (midnight + timedelta(hours=20), 2),
    ):  # fmt: skip
        with time_machine.travel(moment, tick=False):
            use_api(world, parties)
            assert told_of_systems(world) == mails
    letter = world.letters()[-1]
    assert (letter.name, letter.to, letter.data["app_name"]) == (
        "proxy_login_started", HANAKO.email, "マイページ",
    )  # fmt: skip


def test_a_proxy_login_in_a_browser_does_not_hide_the_first_use_by_a_system(
    world: World, parties: Parties, desk: Desk
) -> None:
    desk.act()
    use_api(world, parties)
    assert told_of_systems(world) == 1


def test_the_first_use_by_a_system_does_not_hide_that_of_a_member_of_staff(
    world: World, parties: Parties
) -> None:
    system = system_of(world)
    for _time in range(2):
        system.exchange(own_token(system), world.grant().id, reason="点検").tokens()
        use_api(world, parties)
    assert told_of_systems(world) == 2


def test_an_owner_who_wants_no_mail_gets_none_about_systems_either(world: World, parties: Parties) -> None:
    never = ProxyLoginMail.NEVER
    world.write(lambda session: session.execute(update(OwnerProfile).values(proxy_login_mail=never)).close())
    use_api(world, parties)
    assert told_of_systems(world) == 0


# --- what was changed -----------------------------------------------------------------------------------


def test_what_a_system_changes_is_recorded_as_its_agencys(world: World) -> None:
    system, grant = system_of(world), world.grant()
    acting = system.exchange(own_token(system), grant.id, scope=EVERYTHING).tokens()
    change(world, acting.access_token, early_advisory=True)
    [event] = [one for one in world.events(grant_id=grant.id) if one.event == Event.PRODUCT_CHANGED]
    assert (event.actor_id, event.agency_id, event.client_id) == (None, grant.agency_id, system.client_id)


def test_what_was_changed_stands_under_the_proxy_login_that_changed_it(
    world: World, parties: Parties, desk: Desk, mypage: RelyingParty
) -> None:
    idle = desk.act()
    acting = Desk(world, parties).act()
    number = change(world, acting.access_token, early_advisory=True, watch=False)
    change(world, acting.access_token, early_advisory=False)
    items = {item["sid"]: item["changes"] for item in read(world, mypage)["items"]}
    assert items[idle.claims["sid"]] == []
    first, second = items[acting.claims["sid"]]
    assert (first["product_id"], first["joined"], first["left"]) == (number, ["early_advisory"], ["watch"])
    assert (second["joined"], second["left"]) == ([], ["early_advisory"])
    page = world.browser(HANAKO).get(HISTORY).text
    model = first["model"]
    assert f"{model}（Product ID {number}）: 早期注意情報自動制御 に加入" in page
    assert f"{model}（Product ID {number}）: 見守りサービス を解約" in page
    assert page.count("まだ変更はありません。") == 1


def test_what_the_owner_changed_meanwhile_stands_under_no_proxy_login(
    world: World, desk: Desk, mypage: RelyingParty
) -> None:
    desk.act()
    change(world, mypage.sign_in(HANAKO).access_token, watch=False)
    [item] = read(world, mypage)["items"]
    assert item["changes"] == []


def test_a_proxy_login_that_changed_nothing_says_so_once_it_is_over(
    world: World, parties: Parties, desk: Desk
) -> None:
    desk.act()
    assert NOTHING_CHANGED not in world.browser(HANAKO).get(HISTORY).text
    with time_machine.travel(clock.now() + timedelta(minutes=31), tick=False):
        assert NOTHING_CHANGED in world.browser(HANAKO).get(HISTORY).text


def test_one_that_may_only_look_says_nothing_of_changes(world: World, desk: Desk) -> None:
    desk.act(desk.ticket(scope="mypage.read"))
    assert "変更はありません" not in world.browser(HANAKO).get(HISTORY).text


# --- page by page ---------------------------------------------------------------------------------------


def fill(desk: Desk, number: int) -> None:
    """Store proxy logins that are over, two in each minute."""
    world, now = desk.world, clock.now().replace(microsecond=0) - timedelta(minutes=31)
    grant, member, staff = world.grant(), world.member(), desk.staff.claims["sid"]

    def add(session: Any) -> None:
        for index in range(number):
            started = now - timedelta(minutes=index // 2)
            session.add(
                ActAsSession(
                    id=credentials.new_id(), grant_id=grant.id, member_id=member.id,
                    staff_session_id=UUID(staff), client_id="agency-portal",
                    audience="mypage", kind="browser", scope=EVERYTHING, reason=f"No. {index}",
                    started_at=started, expires_at=started + timedelta(minutes=30),
                )
            )  # fmt: skip

    world.write(add)


def test_the_history_has_everything_page_by_page(world: World, desk: Desk, mypage: RelyingParty) -> None:
    fill(desk, 45)
    seen: list[str] = []
    address = HISTORY
    browser = world.browser(HANAKO)
    for more in (True, True, False):
        page = browser.get(address).text
        seen += [f"No. {text.split('<')[0]}" for text in page.split("<dd>No. ")[1:]]
        assert ("さらに前の代理ログインを見る" in page) is more
        assert ("新しい代理ログインに戻る" in page) is (address != HISTORY)
        if more:
            address = page.split(f'href="{HISTORY}?cursor=')[1].split("#")[0]
            address = f"{HISTORY}?cursor={address}"
    assert len(seen) == len(set(seen)) == 45
    listed: list[str] = []
    cursor = ""
    while True:
        body = read(world, mypage, f"?limit=20&cursor={cursor}")
        listed += [item["reason"] for item in body["items"]]
        cursor = body["next_cursor"]
        if cursor is None:
            break
    assert sorted(listed) == sorted(seen)
    assert [item["reason"] for item in read(world, mypage)["items"]] == listed[:50]


@pytest.mark.parametrize("cursor", ["x", "é", "bnVsbA", "WyItcmVxdWVzdGVkX2F0IiwieCIsInkiXQ"])
def test_a_cursor_that_somebody_made_up_leads_nowhere(
    world: World, mypage: RelyingParty, cursor: str
) -> None:
    token = mypage.sign_in(HANAKO).access_token
    assert world.api("GET", f"/api/me/proxy-logins?cursor={cursor}", token).status_code == 400
    assert world.api("GET", "/api/me/proxy-logins?limit=many", token).status_code == 400
    answer = world.browser(HANAKO).get(f"{HISTORY}?cursor={cursor}")
    assert (answer.status_code, answer.headers["Location"]) == (303, HISTORY)


def test_the_cursor_of_one_owner_shows_another_nothing(
    world: World, mypage: RelyingParty, desk: Desk
) -> None:
    fill(desk, 40)
    cursor = read(world, mypage, "?limit=5")["next_cursor"]
    page = world.browser(ICHIRO).get(f"{HISTORY}?cursor={cursor}").text
    assert "これまでに代理ログインはありません。" in page
    assert "No. " not in page
