"""登録ユーザー一覧 over HTTP: tabs, counts, search, order, and pages that show every row once."""

import base64
import json
import re
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from idp import clock, credentials
from idp.accounts.models import Account, OwnerProfile
from idp.delegation import search_index, standing
from idp.delegation.models import Grant
from idp.delegation.rules import READ, GrantState, end_of_term
from idp.demo import HANAKO, ICHIRO, MINORU, SAKURA, SETSUKO, TADASHI
from tests.delegation.steps import ask, suspend
from tests.oauth.relying_party import RelyingParty
from tests.world import RIVAL, World


@pytest.fixture
def staff(portal: RelyingParty) -> str:
    return portal.sign_in().access_token


def listed(world: World, token: str, **query: Any) -> dict[str, Any]:
    """Return one page of the list."""
    response = world.api("GET", "/api/delegations", token, query_string=query)
    assert response.status_code == 200, response.text
    return dict(response.get_json())


def people(page: dict[str, Any]) -> list[int]:
    """Return the ユーザーID of each row."""
    return [item["owner"]["user_id"] for item in page["items"]]


def add_owners(world: World, emails: list[str], *, state: str = "active", minutes: int = 0) -> list[int]:
    """Store owners with a grant each; all were asked for at the same moment unless minutes say otherwise."""
    agency_id, now = world.agency().id, clock.now() - timedelta(days=1)

    def add(session: Any) -> list[int]:
        numbers = []
        for index, email in enumerate(emails):
            account = Account(id=credentials.new_id(), email=email, name="林 清", furigana="ハヤシ キヨシ",
                              created_at=now)  # fmt: skip
            account.owner = OwnerProfile(user_id=50_000_000 + len(numbers) + 1_000 * minutes + session.query(
                OwnerProfile).count())  # fmt: skip
            session.add(account)
            session.flush()
            asked = now - timedelta(minutes=minutes * index)
            active = state == "active"
            session.add(
                Grant(id=credentials.new_id(), owner_id=account.id, agency_id=agency_id, permissions=READ,
                      term_months=12, state=state, wording="x", requested_at=asked,
                      lapses_at=now + timedelta(days=30), expires_at=end_of_term(now, 12) if active else None,
                      ended_at=None if GrantState(state).is_open else now)
            )  # fmt: skip
            session.flush()
            search_index.refresh_owner(session, account.id)
            numbers.append(account.owner.user_id)
        return numbers

    return world.write(add)


def test_each_tab_shows_its_states_and_the_counts_are_of_all(world: World, staff: str) -> None:
    tabs = {state: set(people(listed(world, staff, state=state)))
            for state in ("", "requested", "active", "suspended", "ended")}  # fmt: skip
    assert tabs == {
        "": {HANAKO.user_id, ICHIRO.user_id}, "requested": {ICHIRO.user_id}, "active": {HANAKO.user_id},
        "suspended": set(), "ended": {SETSUKO.user_id, TADASHI.user_id},
    }  # fmt: skip
    for state in tabs:
        counts = listed(world, staff, state=state, q="nobody has this")["counts"]
        assert counts == {"requested": 1, "active": 1, "suspended": 0, "ended": 2}


def test_another_agency_has_its_own_list_and_its_own_counts(
    world: World, parties: dict[str, RelyingParty]
) -> None:
    token = parties["rival-portal"].sign_in(RIVAL).access_token
    page = listed(world, token)
    assert people(page) == [SETSUKO.user_id]
    assert page["counts"] == {"requested": 0, "active": 1, "suspended": 0, "ended": 0}
    assert people(listed(world, token, q=HANAKO.email)) == []
    assert people(listed(world, token, user_id=HANAKO.user_id)) == []


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("hanako", [HANAKO]), ("HANAKO@OWNER", [HANAKO]), ("owner.example", [ICHIRO, HANAKO]),
        (str(ICHIRO.user_id), [ICHIRO]), ("0000002", [ICHIRO]), ("nobody", []), ("  hanako  ", [HANAKO]),
        ("鈴木", [HANAKO]), ("鈴木花子", [HANAKO]), ("鈴木　花子", [HANAKO]), ("花子 京都", [HANAKO]),
        ("花子 東京", []), ("すずき", [HANAKO]), ("ｽｽﾞｷ", [HANAKO]), ("千代田", [ICHIRO]),
        ("ESS-U4X1", [ICHIRO, HANAKO]), ("ess－t5m1", [ICHIRO]), ("hca10003wn1", [ICHIRO]),
        ("ＨＣ－Ａ１０００３", [ICHIRO]), ("烏丸", []), ("-", []), ("ー", []), ("鈴 " * 9, [HANAKO]),
        ("%", []), ("_", []), ("h%o", []), ("han_ko", []), ("/", []), ("\\", []), ("'", []),
        ("' OR 1=1 --", []), ("9" * 40, []), ("は", [HANAKO]), ("ぬ", []),
    ],
)  # fmt: skip
def test_search_is_for_parts_of_what_the_agency_sees_however_it_is_typed_and_knows_no_wildcards(
    world: World, staff: str, q: str, found: list[Any]
) -> None:
    assert people(listed(world, staff, q=q)) == [owner.user_id for owner in found]


def test_wildcards_find_the_addresses_that_really_have_them(world: World, staff: str) -> None:
    [percent, underscore] = add_owners(world, ["100%25@owner.example", "a_b@owner.example"])
    assert people(listed(world, staff, q="%")) == [percent]
    assert people(listed(world, staff, q="_")) == [underscore]


def test_the_address_behind_a_grant_that_ended_cannot_be_found_out_by_searching(
    world: World, staff: str
) -> None:
    assert people(listed(world, staff, state="ended", q="setsuko")) == []
    assert people(listed(world, staff, state="ended", q=str(SETSUKO.user_id))) == [SETSUKO.user_id]
    ask(world, SETSUKO)
    assert people(listed(world, staff, q="setsuko")) == [SETSUKO.user_id]


def test_the_address_behind_a_grant_that_ended_stands_in_no_cursor_and_gives_no_order(
    world: World, staff: str
) -> None:
    add_owners(world, [f"{letter}@private.example" for letter in "cabd"], state="revoked", minutes=1)
    order, cursor = [], ""
    for _ in range(6):
        page = listed(world, staff, state="ended", sort="email", limit=1, cursor=cursor)
        order += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
        assert "private" not in base64.urlsafe_b64decode(cursor + "==").decode()
    assert len(order) == 6
    assert {item["owner"]["email"] for item in order} == {None}
    moments = [item["requested_at"] for item in order]
    assert moments == sorted(moments, reverse=True)


def test_a_user_id_narrows_to_one_owner(world: World, staff: str) -> None:
    assert people(listed(world, staff, user_id=HANAKO.user_id)) == [HANAKO.user_id]
    assert people(listed(world, staff, user_id=MINORU.user_id)) == []


@pytest.mark.parametrize(
    ("sort", "order"),
    [("-requested_at", "3 2 1 0"), ("requested_at", "0 1 2 3"), ("email", "1 3 0 2"),
     ("furigana", "3 1 0 2"), ("-last_used_at", "2 0 1 3")],
)  # fmt: skip
def test_rows_come_in_the_order_that_was_asked_for(world: World, staff: str, sort: str, order: str) -> None:
    numbers = add_owners(world, [f"{letter}@sorted.example" for letter in "cadb"], minutes=-1)
    kana, used = ("ハヤシ", "イトウ", "ワタナベ", "アベ"), (1, None, 2, None)

    def know(session: Any) -> None:
        for number, reading, day in zip(numbers, kana, used, strict=True):
            profile = session.query(OwnerProfile).filter_by(user_id=number).one()
            grant = session.query(Grant).filter_by(owner_id=profile.account_id).one()
            profile.account.furigana = reading
            grant.last_used_at = day and clock.now() + timedelta(days=day)
            if sort == "-last_used_at" and day is None:
                grant.requested_at = clock.now() - timedelta(days=number % 2)
            session.flush()
            search_index.refresh_owner(session, profile.account_id)

    world.write(know)
    if sort == "-last_used_at":  # those who were never signed in for come last, in an order of no meaning
        found = people(listed(world, staff, sort=sort, q="sorted.example"))
        assert found[:2] == [numbers[2], numbers[0]]
        assert set(found[2:]) == {numbers[1], numbers[3]}
        return
    expected = [numbers[int(index)] for index in order.split()]
    assert people(listed(world, staff, sort=sort, q="sorted.example")) == expected


@pytest.mark.parametrize("sort", ["-requested_at", "requested_at", "email", "furigana", "-last_used_at"])
@pytest.mark.parametrize("q", ["", "pages.example"])
@pytest.mark.parametrize("minutes", [0, 1], ids=["all at the same moment", "a minute apart"])
def test_every_row_is_shown_once_over_all_pages(
    world: World, staff: str, sort: str, q: str, minutes: int
) -> None:
    numbers = add_owners(world, [f"owner{index}@pages.example" for index in range(5)], minutes=minutes)
    world.write(
        lambda session: [setattr(grant, "last_used_at", clock.now())
                         for grant in session.query(Grant).order_by(Grant.id).limit(3)]
    )  # fmt: skip
    seen, cursor, pages = [], "", 0
    while cursor is not None:
        page = listed(world, staff, sort=sort, limit=2, q=q, cursor=cursor)
        seen, cursor, pages = seen + people(page), page["next_cursor"], pages + 1
    everybody = numbers if q else [*numbers, HANAKO.user_id, ICHIRO.user_id]
    assert sorted(seen) == sorted(everybody)
    assert pages == (len(everybody) + 1) // 2
    assert seen == people(listed(world, staff, sort=sort, q=q))


def test_a_request_that_comes_in_between_moves_no_row_to_another_page(world: World, staff: str) -> None:
    numbers = add_owners(world, [f"owner{index}@pages.example" for index in range(4)], minutes=1)
    first = listed(world, staff, limit=2, q="pages.example")
    world.write(
        lambda session: setattr(session.get_one(Grant, UUID(first["items"][0]["id"])), "state", "denied")
    )
    ask(world)
    second = listed(world, staff, limit=2, q="pages.example", cursor=first["next_cursor"])
    assert people(first) + people(second) == numbers


def test_a_page_has_at_most_200_rows_and_at_least_one(world: World, staff: str) -> None:
    add_owners(world, [f"owner{index}@many.example" for index in range(205)])
    assert len(listed(world, staff, limit=100_000)["items"]) == 200
    assert len(listed(world, staff)["items"]) == 50
    for limit in (0, -5):
        assert len(listed(world, staff, limit=limit)["items"]) == 1


def cursor_of(*content: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode()


@pytest.mark.parametrize(
    "query",
    [
        {"state": "everything"}, {"sort": "name"}, {"limit": "many"}, {"user_id": "hanako"},
        {"user_id": "9" * 30}, {"q": "\0"}, {"user_id": "1e5"}, {"limit": "9" * 5000},
        {"cursor": "!"}, {"cursor": "あ"},
        {"cursor": base64.urlsafe_b64encode(b"[" * 760).decode()}, {"cursor": cursor_of("email", "a", "x")},
        {"cursor": cursor_of("-requested_at")}, {"cursor": cursor_of({"a": 1}, [], {})},
        {"cursor": cursor_of("-requested_at", "2026-11-24T03:00:00", str(UUID(int=1)))},
        {"cursor": cursor_of("-requested_at", "0001-01-01T00:00:00+14:00", str(UUID(int=1)))},
        {"cursor": cursor_of("-requested_at", 7, str(UUID(int=1)))},
        {"cursor": cursor_of("-requested_at", "2026-11-24T03:00:00+00:00", 7)},
        {"cursor": cursor_of("requested_at", "2026-11-24T03:00:00+00:00", str(UUID(int=1)))},
        {"cursor": cursor_of("email", "\ud800", str(UUID(int=1))), "sort": "email"},
        {"cursor": cursor_of("email", ["a"], str(UUID(int=1))), "sort": "email"},
        {"cursor": base64.urlsafe_b64encode(b"\xff\xfe").decode()},
    ],
    ids=lambda query: str(query)[:70],
)  # fmt: skip
def test_a_parameter_that_makes_no_sense_is_refused(world: World, staff: str, query: dict[str, str]) -> None:
    response = world.api("GET", "/api/delegations", staff, query_string=query)
    assert (response.status_code, response.mimetype) == (400, "application/problem+json"), response.text
    assert response.get_json()["code"] == "invalid_parameter"


def test_a_cursor_that_somebody_wrote_shows_nothing_but_the_own_agencys_rows(
    world: World, parties: dict[str, RelyingParty]
) -> None:
    token = parties["rival-portal"].sign_in(RIVAL).access_token
    made = cursor_of("-requested_at", "2999-01-01T00:00:00+00:00", str(UUID(int=0)))
    assert people(listed(world, token, cursor=made)) == [SETSUKO.user_id]


def test_suspended_grants_have_a_tab_of_their_own(world: World, staff: str) -> None:
    suspend(world)
    suspend(world, suspended=False)
    world.write(lambda session: setattr(session.get_one(Grant, world.grant(HANAKO).id), "state", "suspended"))
    page = listed(world, staff, state="suspended")
    assert people(page) == [HANAKO.user_id]
    assert page["counts"] == {"requested": 1, "active": 0, "suspended": 1, "ended": 2}
    assert [item["owner"]["email"] for item in page["items"]] == [None]
    assert world.agency(SAKURA).status == "active"


def test_the_owner_behind_a_grant_that_rests_is_found_by_number_alone_and_has_no_place_among_words(
    world: World, staff: str
) -> None:
    numbers = add_owners(world, [f"{letter}@private.example" for letter in "cab"])
    query = select(OwnerProfile.account_id).where(OwnerProfile.user_id.in_(numbers))
    owners = world.read(lambda session: session.scalars(query).all())
    for owner in owners:
        world.write(lambda session, owner=owner: standing.suspend_account(session, owner))
    for tab in ("", "suspended"):
        assert people(listed(world, staff, state=tab, q="private")) == []
        assert people(listed(world, staff, state=tab, q=str(numbers[0]))) == numbers[:1]
        for sort in ("email", "furigana"):
            seen, cursor = [], ""
            while cursor is not None:
                page = listed(world, staff, state=tab, sort=sort, limit=1, cursor=cursor)
                seen, cursor = seen + people(page), page["next_cursor"]
                told = base64.urlsafe_b64decode((cursor or "") + "==").decode()
                assert not re.search("private|ハヤシ", json.loads(told)[1] if told else "")
            assert len(seen) == len(set(seen)) == (3 if tab else 5)
    world.write(lambda session: standing.reinstate_account(session, owners[0]))
    assert len(people(listed(world, staff, q="private"))) == 1
