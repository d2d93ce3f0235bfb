"""The owner sees each proxy login in full, ends what runs, and reads which app has confirmed the end."""

import csv
import io
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import update

from idp import clock
from idp.delegation.models import ActAsSession
from idp.delegation.proxy_logins import end_by_owner
from idp.delegation.rules import ProxyLoginUnknown, SessionEnd
from idp.demo import HANAKO, ICHIRO, MIRAI, SAKURA
from idp.mail.models import OutboxItem, Topic
from idp.oauth.models import Client
from tests.delegation.steps import end
from tests.delegation.test_activities import activity, own_token, report
from tests.delegation.test_history import HISTORY, change
from tests.oauth.desk import Desk, Parties
from tests.oauth.relying_party import RelyingParty, Tokens
from tests.world import MANAGER, World


@pytest.fixture
def desk(world: World, parties: Parties) -> Desk:
    return Desk(world, parties)


def page_of(acting: Tokens) -> str:
    """Return the page on which the owner ends this proxy login."""
    return f"/account/proxy-logins/{acting.claims['sid']}/end"


def stored(world: World, acting: Tokens) -> ActAsSession:
    """Return a proxy login as it is now."""
    return world.read(lambda session: session.get_one(ActAsSession, UUID(acting.claims["sid"])))


# --- 今すぐ終了 ------------------------------------------------------------------------------------------


def test_an_owner_ends_a_running_proxy_login_by_a_button_and_not_by_opening_a_page(
    world: World, desk: Desk
) -> None:
    acting, hanako = desk.act(), world.browser(HANAKO)
    assert page_of(acting) in hanako.get(HISTORY).text
    before = world.digest()
    page = hanako.get(page_of(acting))
    for words in (MIRAI.name, MANAGER.name, "マイページ", "その場で使えなくなります", "許可は残り"):
        assert words in page.text
    assert world.digest() == before
    assert world.api("GET", "/api/me/profile", acting.access_token).status_code == 200
    assert hanako.submit(page_of(acting), page=page).status_code == 303
    assert stored(world, acting).end_reason == SessionEnd.OWNER
    assert world.api("GET", "/api/me/profile", acting.access_token).status_code == 401
    assert world.logout_calls() == [("mypage", acting.claims["sid"])]
    assert world.grant().state == "active"
    assert world.events()[-1].data == {"reason": "owner"}
    before = world.digest()
    hanako.submit(page_of(acting), page=page)
    assert world.digest() == before
    assert "すでに終了しています" in hanako.get(HISTORY).text


def test_nobody_else_sees_or_ends_it(world: World, desk: Desk) -> None:
    acting, ichiro = desk.act(), world.browser(ICHIRO)
    token = ichiro.token()
    for address in (page_of(acting), f"/account/proxy-logins/{uuid4()}/end"):
        page = ichiro.get(address)
        assert (page.status_code, f"{ICHIRO.name} 様としてログインしています" in page.text) == (404, True)
        assert ichiro.post(address, {"csrf_token": token}).status_code == 404
    assert world.browser(MANAGER).get(page_of(acting)).status_code == 403
    assert world.browser(HANAKO).post(page_of(acting), {}).status_code == 403
    ichiro_id, sid = world.account(ICHIRO).id, UUID(acting.claims["sid"])
    with pytest.raises(ProxyLoginUnknown):
        world.write(lambda session: end_by_owner(session, ichiro_id, sid))
    assert stored(world, acting).ended_at is None
    asked = world.browser().get(page_of(acting))
    assert (asked.status_code, page_of(acting) in asked.headers["Location"]) == (303, True)


def test_a_link_to_what_is_over_says_so_kindly(world: World, desk: Desk) -> None:
    acting, grant = desk.act(), world.grant()
    end(world, grant.id)
    hanako = world.browser(HANAKO)
    for address in (page_of(acting), f"/account/delegations/{grant.id}/end"):
        page = hanako.get(address)
        assert page.status_code == 200
        assert "何もしていただく必要はありません" in page.text


def test_a_link_to_what_is_over_points_to_what_runs_now(world: World, desk: Desk) -> None:
    over = desk.act()
    hanako = world.browser(HANAKO)
    hanako.post(page_of(over), {"csrf_token": hanako.token()})
    running = desk.act()
    page = hanako.get(page_of(over)).text
    assert "すでに終了しています" in page
    assert "何もしていただく必要はありません" not in page
    assert f'href="{page_of(running)}"' in page


def test_the_api_names_what_runs_apart_for_the_owner_alone(
    world: World, desk: Desk, mypage: RelyingParty
) -> None:
    acting = desk.act()
    own = mypage.sign_in(HANAKO).access_token
    [item] = world.api("GET", "/api/me/proxy-logins?running=true", own).get_json()["items"]
    assert (item["sid"], item["member"], item["app"]) == (acting.claims["sid"], MANAGER.name, "マイページ")
    assert world.api("GET", "/api/me/proxy-logins?running=true", acting.access_token).status_code == 403
    end(world, world.grant().id)
    assert world.api("GET", "/api/me/proxy-logins?running=true", own).get_json()["items"] == []


# --- which app has confirmed ----------------------------------------------------------------------------


def answered(world: World, **values: Any) -> None:
    """Let the relying party have answered, or not, when it was told of the end."""
    calls = update(OutboxItem).where(OutboxItem.topic == Topic.BACKCHANNEL_LOGOUT)
    world.write(lambda session: session.execute(calls.values(**values)).close())


def logout_of(world: World, mypage: RelyingParty) -> Any:
    """Return what the API says of the app's answer."""
    answer = world.api("GET", "/api/me/proxy-logins", mypage.sign_in(HANAKO).access_token)
    return answer.get_json()["items"][0]["logout"]


def test_after_a_revocation_the_owner_sees_which_app_confirmed_and_when(
    world: World, desk: Desk, mypage: RelyingParty
) -> None:
    desk.act()
    assert logout_of(world, mypage) is None
    end(world, world.grant().id)
    hanako = world.browser(HANAKO)
    assert "マイページ の確認を待っています" in hanako.get(HISTORY).text
    now = clock.now()
    answered(world, dead_at=now)
    page = hanako.get(HISTORY).text
    assert "確認が取れませんでした" in page
    assert world.settings.contact_phone in page
    answered(world, done_at=now, dead_at=None)
    assert "に終了を確認しました" in hanako.get(HISTORY).text
    assert logout_of(world, mypage) == {"answer": "confirmed", "at": clock.iso(now)}


def test_an_app_that_takes_no_logout_calls_is_not_said_to_have_confirmed(world: World, desk: Desk) -> None:
    desk.act()
    end(world, world.grant().id)
    answered(world, done_at=clock.now())
    world.write(lambda session: setattr(session.get_one(Client, "mypage"), "backchannel_logout_uri", None))
    page = world.browser(HANAKO).get(HISTORY).text
    assert "最長5分で使えなくなります" in page
    assert "終了を確認しました" not in page


# --- what was done --------------------------------------------------------------------------------------


def test_what_the_app_reports_is_shown_as_text_and_a_change_that_we_saw_only_once(
    world: World, desk: Desk, mypage: RelyingParty
) -> None:
    acting = desk.act()
    number = change(world, acting.access_token, early_advisory=True)
    token, sid = own_token(mypage), acting.claims["sid"]
    told = {"action": "changed", "item": "サービスの加入状況"}
    seen = activity("1", item="<b>電力</b>", description="<script>x</script>")
    report(world, sid, token, seen, activity("2", **told, description="早期注意情報自動制御に加入"))
    report(world, sid, token, activity("3", action="changed", item="通知", description="通知の時刻を変更"))
    report(world, sid, token, activity("4", item="<b>電力</b>", description="<script>x</script>"))
    page = world.browser(HANAKO).get(HISTORY).text
    assert "<script>x" not in page
    assert page.count("&lt;b&gt;電力&lt;/b&gt;: &lt;script&gt;x") == 1
    assert f"（Product ID {number}）: 早期注意情報自動制御 に加入" in page
    assert "早期注意情報自動制御に加入" not in page
    assert "通知の時刻を変更" in page


def test_a_change_that_only_the_app_knows_of_is_shown(world: World, desk: Desk, mypage: RelyingParty) -> None:
    told = activity(action="changed", item="サービスの加入状況", description="見守りサービスを解約")
    report(world, desk.act().claims["sid"], own_token(mypage), told)
    assert "見守りサービスを解約" in world.browser(HANAKO).get(HISTORY).text


def test_that_a_member_left_is_told_to_nobody_but_the_agency(
    world: World, desk: Desk, mypage: RelyingParty
) -> None:
    acting = desk.act()
    left = {"ended_at": clock.now(), "end_reason": SessionEnd.LEFT}
    world.write(lambda session: session.execute(update(ActAsSession).values(left)).close())
    answer = world.api("GET", "/api/me/proxy-logins", mypage.sign_in(HANAKO).access_token)
    assert answer.get_json()["items"][0]["end_reason"] == "signed_out"
    assert "販売店・業者様の側で終了しました" in world.browser(HANAKO).get(page_of(acting)).text


# --- one agency, and the file ---------------------------------------------------------------------------


def test_the_record_of_one_agency_alone(world: World, desk: Desk) -> None:
    desk.act()
    desk.act()
    end(world, world.grant().id)
    hanako, sakura = world.browser(HANAKO), world.agency(SAKURA)
    assert hanako.get(f"{HISTORY}?agency={world.agency().id}").text.count("history-time") == 2
    assert "これまでに代理ログインはありません" in hanako.get(f"{HISTORY}?agency={sakura.id}").text
    assert hanako.get(f"{HISTORY}?agency=everything").text.count("history-time") == 2


def test_the_file_has_every_proxy_login_calculates_nothing_and_is_audited(
    world: World, desk: Desk, mypage: RelyingParty
) -> None:
    acting = desk.act(desk.ticket(reason="=1+1"))
    report(world, acting.claims["sid"], own_token(mypage))
    hanako = world.browser(HANAKO)
    answer = hanako.post("/account/proxy-logins/csv", {"csrf_token": hanako.token()})
    assert answer.content_type == "text/csv; charset=utf-8"
    head, row = csv.reader(io.StringIO(answer.data.decode("utf-8-sig")))
    cells = dict(zip(head, row, strict=True))
    assert (cells["販売店・業者様"], cells["理由"], cells["アプリ"]) == (MIRAI.name, "'=1+1", "マイページ")
    assert cells["見た内容"] == "11月24日の電力データ"
    newest = world.events()[-1]
    assert (newest.event, newest.owner_id, newest.data) == (
        "owner.history.exported", world.account(HANAKO).id, {"rows": 1},
    )  # fmt: skip
    other = world.browser(ICHIRO)
    nothing = other.post("/account/proxy-logins/csv", {"csrf_token": other.token()})
    assert len(nothing.data.decode().splitlines()) == 1
    assert hanako.get("/account/proxy-logins/csv").status_code == 405
