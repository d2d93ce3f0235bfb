"""An app that is not the club's own asks a person, at a desk with scripts and on an old phone without."""

from tests.journeys.apps_of_others import asking, register_app
from tests.journeys.club import Club
from tests.journeys.person import Person


def test_a_person_allows_an_app_and_takes_it_back(club: Club, visitor: Person) -> None:
    garden, part = register_app(club), club.casting.owner()
    visitor.open(asking(club, garden, state="S1")).sign_in(part.email)
    assert visitor.heading == "「お庭みまもりアプリ」に許可しますか"
    visitor.press("許可する")
    assert "/signed-out?code=" in visitor.page.url
    assert "state=S1" in visitor.page.url
    visitor.open(asking(club, garden))
    assert "/signed-out?code=" in visitor.page.url, "asked twice"
    visitor.open(f"{club.idp}/account").follow("連携中のアプリ")
    visitor.follow("許可を取り消す").press("許可を取り消す")
    assert "連携中のアプリはありません" in visitor.page.content()
    visitor.open(asking(club, garden))
    assert visitor.heading == "「お庭みまもりアプリ」に許可しますか"


def test_somebody_else_can_sign_in_where_the_question_is_asked(club: Club, visitor: Person) -> None:
    garden, one, other = register_app(club), club.casting.owner(), club.casting.owner(name="林 さくら")
    visitor.open(asking(club, garden)).sign_in(one.email).follow("別の方でログインする")
    visitor.sign_in(other.email)
    assert "林 さくら 様" in visitor.page.content()
    visitor.press("許可しない")
    assert "error=access_denied" in visitor.page.url


def test_an_answer_by_form_arrives_with_and_without_scripts(club: Club, visitor: Person) -> None:
    garden, part = register_app(club), club.casting.owner()
    visitor.open(asking(club, garden, response_mode="form_post")).sign_in(part.email)
    with visitor.page.expect_request(lambda asked: asked.url.endswith("/signed-out")) as caught:
        visitor.press("許可する")
        if not visitor.equipment.javascript:
            assert visitor.heading == "アプリに戻ります"
            visitor.press("続ける")
    assert caught.value.method == "POST"
    assert "code=occ_" in (caught.value.post_data or "")
