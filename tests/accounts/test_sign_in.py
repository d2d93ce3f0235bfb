"""Signing in on the owners' and the agencies' page."""

from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import update

from idp import clock, credentials
from idp.accounts.models import Account, Agency, BrowserSession, SignInFailure
from idp.accounts.rules import AccountStatus, AgencyStatus, sign_in_wait
from idp.credentials import Sealer
from idp.demo import PASSWORD as DEMO_PASSWORD
from tests.accounts.conftest import PASSWORD, Club
from tests.accounts.visitor import Visitor
from tests.world import BOTH, World

EMAIL = "hanako@owner.example"
NOW = clock.now()


def masked(visitor: Visitor, text: str) -> str:
    """Return a page without what differs from one answer to the next."""
    return text.replace(visitor.token("/sign-in"), "TOKEN")


def test_an_owner_signs_in_and_comes_to_the_customer_page(club: Club, visitor: Visitor) -> None:
    club.make_owner(EMAIL)
    answer = visitor.sign_in(EMAIL, PASSWORD)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/account")
    assert visitor.get("/account/password").status_code == 200


def test_what_a_phone_types_is_folded_before_it_is_compared(club: Club, visitor: Visitor) -> None:
    club.make_owner(EMAIL)
    assert visitor.sign_in(" Ｈanako@Owner.example ", "ｈidamari-denchi-2026").status_code == 303


def test_an_agency_signs_in_and_comes_to_the_portal(club: Club, visitor: Visitor) -> None:
    club.make_member("info@mirai.example")
    page = visitor.get("/store/linkaccounts")
    assert "販売店・業者様向け ニチコンオーナーズ倶楽部管理画面" in page.text
    assert "新規会員登録はこちら" in page.text
    assert "http://localhost:8002" in page.headers["Content-Security-Policy"]
    answer = visitor.sign_in("info@mirai.example", PASSWORD, path="/store/linkaccounts")
    assert answer.headers["Location"] == "/agency/login"
    assert visitor.get("/agency/login").headers["Location"] == "http://localhost:8002/agency/login"


def test_signing_in_leads_back_to_the_page_that_asked(club: Club, visitor: Visitor) -> None:
    club.make_owner(EMAIL)
    asked = visitor.get("/account/password")
    assert asked.status_code == 303
    answer = visitor.sign_in(EMAIL, PASSWORD, path=asked.headers["Location"])
    assert answer.headers["Location"] == "/account/password"


@pytest.mark.parametrize(
    "target",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/nowhere"],
)
def test_signing_in_never_leads_to_another_place(club: Club, visitor: Visitor, target: str) -> None:
    club.make_owner(EMAIL)
    page = visitor.get("/sign-in", query_string={"next": target})
    assert "evil" not in page.text.replace("%2F%2Fevil", "").split('<form class="language"')[0]
    answer = visitor.client.post(
        "/sign-in", base_url=club.settings.issuer, query_string={"next": target},
        data={"csrf_token": visitor.token("/sign-in"), "email": EMAIL, "password": PASSWORD},
    )  # fmt: skip
    assert answer.headers["Location"] == "/account"


def test_unknown_wrong_suspended_and_without_password_are_answered_alike(
    club: Club, visitor: Visitor
) -> None:
    club.make_owner(EMAIL)
    club.make_owner("suspended@owner.example", user_id=2, status=AccountStatus.SUSPENDED)
    club.make_owner("invited@owner.example", user_id=3, password_hash=None)
    tries = {
        "nobody@owner.example": PASSWORD, EMAIL: "wrong-password-1",
        "suspended@owner.example": PASSWORD, "invited@owner.example": PASSWORD,
    }  # fmt: skip
    before = club.digest()
    answers = {
        (
            answer.status_code,
            masked(visitor, answer.text).replace(email, "EMAIL"),
            tuple(sorted(answer.headers.keys())),
        )
        for email, password in tries.items()
        for answer in [visitor.sign_in(email, password)]
    }
    assert len(answers) == 1
    status, text, _headers = answers.pop()
    assert status == 400
    assert "メールアドレスまたはパスワードが正しくありません。" in text
    assert club.digest() == before
    assert club.events() == ["session.refused"] * 4


def test_an_unknown_address_costs_a_hash_as_a_known_one_does(
    club: Club, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    club.make_owner(EMAIL)
    checked: list[str | None] = []
    matches = credentials.password_matches

    def watch(password: str, stored: str | None, sealer: Sealer) -> bool:
        checked.append(stored)
        return matches(password, stored, sealer)

    monkeypatch.setattr(credentials, "password_matches", watch)
    visitor.sign_in("nobody@owner.example", "wrong-password-1")
    visitor.sign_in(EMAIL, "wrong-password-1")
    assert len(checked) == 2


def test_the_password_is_hashed_while_no_write_lock_is_held(
    club: Club, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    club.make_owner(EMAIL)
    matches = credentials.password_matches
    written: list[bool] = []

    def write_meanwhile(password: str, stored: str | None, sealer: Sealer) -> bool:
        club.write(lambda session: session.execute(update(Account).values(furigana="ヤマダ")))
        written.append(True)
        return matches(password, stored, sealer)

    monkeypatch.setattr(credentials, "password_matches", write_meanwhile)
    assert visitor.sign_in(EMAIL, PASSWORD).status_code == 303
    assert written


def test_a_password_that_was_replaced_while_it_was_checked_opens_nothing(
    club: Club, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    club.make_owner(EMAIL)
    matches = credentials.password_matches

    def replace_meanwhile(password: str, stored: str | None, sealer: Sealer) -> bool:
        club.write(lambda session: session.execute(update(Account).values(password_hash="another")))
        return matches(password, stored, sealer)

    monkeypatch.setattr(credentials, "password_matches", replace_meanwhile)
    assert visitor.sign_in(EMAIL, PASSWORD).status_code == 400
    assert club.count(BrowserSession) == 0


def test_a_hash_with_older_parameters_is_renewed(club: Club, visitor: Visitor) -> None:
    from argon2 import PasswordHasher

    old = PasswordHasher(time_cost=1, memory_cost=8 * 1024, parallelism=1).hash(PASSWORD)
    owner = club.make_owner(EMAIL, password_hash=old)
    assert visitor.sign_in(EMAIL, PASSWORD).status_code == 303
    stored = club.read(lambda session: session.get(Account, owner).password_hash)
    assert stored != old
    assert not credentials.needs_rehash(stored)
    assert club.visitor().sign_in(EMAIL, PASSWORD).status_code == 303


def test_ten_wrong_passwords_are_free_and_the_next_must_wait(club: Club, visitor: Visitor) -> None:
    club.make_owner(EMAIL)
    with time_machine.travel(NOW, tick=False) as time:
        assert [visitor.sign_in(EMAIL, "wrong-password-1").status_code for _ in range(11)] == [400] * 10 + [
            429
        ]
        blocked = visitor.sign_in(EMAIL, PASSWORD)
        assert blocked.status_code == 429
        assert "パスワードをお忘れの方" in blocked.text
        time.shift(31)
        assert visitor.sign_in(EMAIL, PASSWORD).status_code == 303
    assert club.count(SignInFailure) == 0


def test_an_unknown_address_must_wait_just_the_same(club: Club, visitor: Visitor) -> None:
    answers = [visitor.sign_in("nobody@owner.example", "wrong-password-1").status_code for _ in range(11)]
    assert answers == [400] * 10 + [429]


def test_strangers_cannot_keep_an_owner_out_of_a_browser_of_theirs(club: Club, visitor: Visitor) -> None:
    club.make_owner(EMAIL)
    assert visitor.sign_in(EMAIL, PASSWORD).status_code == 303
    stranger = club.visitor()
    for _ in range(11):
        blocked = stranger.sign_in(EMAIL, "wrong-password-1")
    assert blocked.status_code == 429
    assert club.visitor().sign_in(EMAIL, PASSWORD).status_code == 429
    assert visitor.sign_in(EMAIL, PASSWORD).status_code == 303


def test_guessing_in_a_known_browser_is_slowed_down_too(club: Club, visitor: Visitor) -> None:
    club.make_owner(EMAIL)
    visitor.sign_in(EMAIL, PASSWORD)
    assert [visitor.sign_in(EMAIL, "wrong-password-1").status_code for _ in range(11)][-1] == 429


def test_the_wait_doubles_up_to_an_hour() -> None:
    def wait(failures: int) -> timedelta:
        return sign_in_wait(failures=failures, last_failure=NOW, now=NOW)

    assert [wait(9), wait(10), wait(11), wait(16), wait(17), wait(10_000)] == [
        timedelta(0), timedelta(seconds=30), timedelta(seconds=60), timedelta(minutes=32),
        timedelta(hours=1), timedelta(hours=1),
    ]  # fmt: skip


def test_empty_fields_are_named_and_count_as_no_try(club: Club, visitor: Visitor) -> None:
    answer = visitor.sign_in("", "")
    assert answer.status_code == 400
    assert "＊メールアドレスを入力してください。" in answer.text
    assert "＊パスワードを入力してください。" in answer.text
    assert club.count(SignInFailure) == 0


def test_the_typed_address_is_kept_and_the_password_is_not(visitor: Visitor) -> None:
    answer = visitor.sign_in("nobody@owner.example", "a-secret-of-mine")
    assert "nobody@owner.example" in answer.text
    assert "a-secret-of-mine" not in answer.text


def test_a_form_without_its_token_signs_nobody_in(club: Club, visitor: Visitor) -> None:
    club.make_owner(EMAIL)
    assert visitor.post("/sign-in", {"email": EMAIL, "password": PASSWORD}).status_code == 403
    assert club.count(BrowserSession) == 0
    assert visitor.sign_in(EMAIL, PASSWORD).status_code == 303


def test_a_member_on_the_owners_page_is_told_that_it_leads_nowhere(club: Club, visitor: Visitor) -> None:
    club.make_member("info@mirai.example")
    visitor.sign_in("info@mirai.example", PASSWORD)
    assert "このページの先はご利用いただけません" in visitor.get("/sign-in?next=/account").text
    assert "このまま進む" in visitor.get("/store/linkaccounts?next=/agency/profile").text


@pytest.mark.parametrize(
    ("path", "home"), [("/sign-in", "/account"), ("/store/linkaccounts", "/agency/login")]
)
def test_who_is_owner_and_member_comes_to_what_the_page_is_for(world: World, path: str, home: str) -> None:
    answer = world.browser().sign_in(BOTH.email, DEMO_PASSWORD, path=path)
    assert (answer.status_code, answer.headers["Location"]) == (303, home)


def test_an_owner_on_the_agencies_page_comes_to_the_customer_page(club: Club, visitor: Visitor) -> None:
    club.make_owner(EMAIL)
    assert visitor.sign_in(EMAIL, PASSWORD, path="/store/linkaccounts").headers["Location"] == "/account"


def test_a_member_of_a_suspended_agency_is_told_so_and_not_sent_in_a_circle(
    club: Club, visitor: Visitor
) -> None:
    club.make_member("info@mirai.example")
    club.make_owner(EMAIL)
    visitor.sign_in("info@mirai.example", PASSWORD, path="/store/linkaccounts")
    assert visitor.get("/store/linkaccounts").status_code == 200
    club.write(lambda session: session.execute(update(Agency).values(status=AgencyStatus.SUSPENDED)))
    for page in ("/store/linkaccounts?next=/agency/profile", "/agency/profile"):
        told = visitor.get(page)
        assert told.status_code == 403
        assert "貴社のご利用は停止中です" in told.text
        assert club.settings.contact_phone in told.text
    visitor.post("/sign-out", {"csrf_token": visitor.token()})
    assert visitor.get("/store/linkaccounts").status_code == 200
    visitor.sign_in(EMAIL, PASSWORD)
    assert visitor.get("/store/linkaccounts").status_code == 200


def test_a_hash_without_the_key_of_the_server_is_accepted_and_renewed_with_it(
    club: Club, visitor: Visitor
) -> None:
    from argon2 import PasswordHasher

    plain = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1).hash(PASSWORD)
    owner = club.make_owner(EMAIL, password_hash=plain)
    visitor.sign_in(EMAIL, "wrong-password-1")
    assert club.read(lambda session: session.get(Account, owner).password_hash) == plain
    assert visitor.sign_in(EMAIL, PASSWORD).status_code == 303
    stored = club.read(lambda session: session.get(Account, owner).password_hash)
    assert stored.startswith("p1$argon2id$")
    assert not credentials.password_matches(PASSWORD, stored, Sealer("another club's key, another pepper"))
    assert club.visitor().sign_in(EMAIL, PASSWORD).status_code == 303
