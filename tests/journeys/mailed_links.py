"""The kinds of mailed links: how somebody asks for one, and what they do behind it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import update

from idp import clock, credentials
from idp.accounts.models import MailLink
from tests.journeys.club import Club
from tests.journeys.person import Person
from tests.journeys.registering import fill_in_agency, fill_in_owner, new_address

NEW_PASSWORD = "kaki-no-ki-ga-3bon"


@dataclass(frozen=True)
class Kind:
    """What a link is for, and how somebody asks for it and uses it."""

    start: str
    path: str
    subject: str
    form: str
    use: Callable[[Person], Person]
    needs_account: bool = False


def set_password(person: Person, password: str) -> Person:
    """Type the new password twice and send it."""
    person.fill({"新しいパスワード": password, "新しいパスワード(確認用)": password})
    return person.press("設定する")


AGENCY = Kind(
    "/register/agency", "/register/agency/member/", "仮登録メール", "販売店情報",
    lambda person: fill_in_agency(person).press("確認する").press("登録する"),
)  # fmt: skip
OWNER = Kind(
    "/register/owner", "/register/owner/", "仮登録メール", "お客様情報",
    lambda person: fill_in_owner(person).press("次へ").press("あとで登録する").press("登録する"),
)  # fmt: skip
PASSWORD = Kind(
    "/password/forgot", "/password/reset/", "パスワード再設定のご案内", "新しいパスワードの設定",
    lambda person: set_password(person, NEW_PASSWORD), needs_account=True,
)  # fmt: skip
KINDS = {"an agency's registration": AGENCY, "an owner's registration": OWNER, "a new password": PASSWORD}


def address_for(club: Club, kind: Kind) -> str:
    """Return an address that can ask for such a link."""
    return club.casting.owner(units=0).email if kind.needs_account else new_address()


def ask(person: Person, kind: Kind, email: str) -> str:
    """Ask for a link and return the one in the newest mail."""
    person.open(f"{person.club.idp}{kind.start}").fill({"メールアドレス": email}).press("送信する")
    return person.club.letter(email, kind.subject).link(kind.path)


def make_old(club: Club, link: str) -> None:
    """Let a link have ended a second ago."""
    old = update(MailLink).where(MailLink.digest == credentials.digest(link.rpartition("/")[2]))
    with club.engine.begin() as connection:
        changed = connection.execute(old.values(expires_at=clock.now() - timedelta(seconds=1)))
    assert changed.rowcount == 1
