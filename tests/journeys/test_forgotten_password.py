"""A password is forgotten, and another one set by a mailed link."""

from tests.journeys.club import Club
from tests.journeys.mailed_links import NEW_PASSWORD, set_password
from tests.journeys.person import Crowd, Person


def ask_for_a_link(person: Person, email: str) -> str:
    """Ask from the sign-in page and return the link of the mail."""
    person.open(f"{person.club.mypage}/home").follow("パスワードをお忘れの方")
    person.fill({"メールアドレス": email}).press("送信する")
    assert person.heading == "メールをお送りしました"
    return person.club.letter(email, "パスワード再設定のご案内").link("/password/reset/")


def test_an_owner_sets_a_new_password_and_signs_in_with_it(visitor: Person, club: Club) -> None:
    email = club.casting.owner().email
    visitor.open(ask_for_a_link(visitor, email))
    set_password(visitor, "12345678901")
    assert "推測されやすい" in visitor.errors[0]
    set_password(visitor, NEW_PASSWORD)
    assert "新しいパスワードを設定しました。" in visitor.main
    assert "パスワードが変更されました。" in club.letter(email, "パスワードが変更").subject

    visitor.enter_mypage(email)
    assert "パスワードが正しくありません。" in visitor.main
    visitor.enter_mypage(email, NEW_PASSWORD)
    assert visitor.heading == "マイページ"


def test_a_new_password_ends_every_other_sign_in(person: Crowd, club: Club) -> None:
    email = club.casting.owner().email
    thief = person().enter_mypage(email)
    thief.open(f"{club.idp}/account")
    assert thief.heading == "お客様情報"
    owner = person()
    set_password(owner.open(ask_for_a_link(owner, email)), NEW_PASSWORD)
    thief.open(f"{club.idp}/account")
    assert thief.heading == "ログイン"


def test_staff_set_a_new_password_too(person: Crowd, club: Club) -> None:
    email = club.casting.agency().email
    staff = person()
    staff.open(f"{club.idp}/store/linkaccounts").follow("パスワードをお忘れの方")
    staff.fill({"メールアドレス": email}).press("送信する")
    set_password(staff.open(club.letter(email, "再設定").link("/password/reset/")), NEW_PASSWORD)
    staff.enter_portal(email, NEW_PASSWORD)
    assert staff.heading == "販売店・業者様情報"


def test_the_answer_does_not_tell_whether_an_address_is_known(person: Crowd, club: Club) -> None:
    pages = []
    for email in (club.casting.owner().email, "nobody@newcomer.example"):
        anyone = person().open(f"{club.idp}/password/forgot")
        anyone.fill({"メールアドレス": email}).press("送信する")
        pages.append((anyone.page.url, anyone.main))
    assert pages[0] == pages[1]
    assert not club.letters("nobody@newcomer.example")
