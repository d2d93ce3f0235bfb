"""The first page, the language, and the postal codes."""

import pytest

from tests.accounts.conftest import Club
from tests.accounts.visitor import Visitor


def test_the_first_page_names_the_ways_for_owners_and_agencies(club: Club, visitor: Visitor) -> None:
    page = visitor.get("/")
    assert page.status_code == 200
    for address in (club.settings.mypage_url, f"{club.settings.agency_portal_url}/agency/login",
                    "/register/owner", "/register/agency", "/account"):  # fmt: skip
        assert f'href="{address}"' in page.text
    for words in ("オーナーズ倶楽部MENU", "マイページ", club.settings.contact_phone):
        assert words in page.text


def test_pages_are_japanese_until_somebody_chooses_english(visitor: Visitor) -> None:
    page = visitor.get("/sign-in", headers={"Accept-Language": "en"})
    assert '<html lang="ja">' in page.text
    answer = visitor.post("/language", {"csrf_token": visitor.token(), "lang": "en", "next": "/sign-in"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/sign-in")
    assert '<html lang="en">' in visitor.get("/sign-in").text


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example", "/\\evil.example", "", "/nowhere"]
)
def test_the_language_switch_leads_to_no_other_place(visitor: Visitor, target: str) -> None:
    answer = visitor.post("/language", {"csrf_token": visitor.token(), "lang": "en", "next": target})
    assert answer.headers["Location"] == "/"


@pytest.mark.parametrize("language", ["../../etc/passwd", "{{7*7}}", "fr", ""])
def test_an_unknown_language_changes_nothing(visitor: Visitor, language: str) -> None:
    answer = visitor.post("/language", {"csrf_token": visitor.token(), "lang": language, "next": "/"})
    assert answer.status_code == 303
    assert "lang=" not in str(answer.headers.getlist("Set-Cookie"))


def test_a_postal_code_is_answered_with_its_towns(visitor: Visitor) -> None:
    answer = visitor.get("/postal-codes/1000005.json")
    assert answer.json == {"towns": [{"prefecture": "東京都", "city": "千代田区", "town": "丸の内"}]}


@pytest.mark.parametrize("code", ["9999999", "abc", "1", "1" * 500, "%00"])
def test_a_postal_code_that_does_not_exist_has_no_towns(visitor: Visitor, code: str) -> None:
    answer = visitor.get(f"/postal-codes/{code}.json")
    assert (answer.status_code, answer.json) == (200, {"towns": []})
