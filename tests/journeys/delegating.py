"""What owners and staff do with each other: name an agency, ask, act."""

from idp.demo import AgencyPart, OwnerPart
from tests.journeys.club import Club
from tests.journeys.person import Person

AGENCY_FIELD = "ログインを許可する販売店・業者様のメールアドレス"


def ask(club: Club, *, units: int = 1) -> tuple[str, str, str]:
    """Let an owner ask an agency; return both addresses and the link of the agency's mail."""
    owner, agency = club.casting.owner(units=units), club.casting.agency()
    club.casting.consent(owner, agency, approved=False)
    link = club.letter(agency.email, "申請がありました").link("/agency_admin/")
    return owner.email, agency.email, link


def agreed(club: Club, *, write: bool = False) -> tuple[OwnerPart, AgencyPart]:
    """Return an owner and an agency with a grant in force."""
    owner, agency = club.casting.owner(), club.casting.agency()
    club.casting.consent(owner, agency, write=write)
    return owner, agency


def name_agency(owner: Person, email: str) -> Person:
    """Enter the agency's address and go on."""
    return owner.fill({AGENCY_FIELD: email}).press("確認する")


def choose_product(owner: Person, serial: str) -> Person:
    """Tick one of the products that a permission is to be limited to."""
    owner.page.locator(".choice", has_text=serial).locator("input").check()
    return owner


def open_owner(staff: Person, owner: OwnerPart, agency: AgencyPart) -> Person:
    """Sign in at the portal and open the owner's page from the list."""
    staff.enter_portal(agency.email).follow("販売店・業者様向け管理画面を見る").follow("詳細")
    assert staff.details()["Email"] == owner.email
    return staff


def act(staff: Person, owner: OwnerPart, agency: AgencyPart, *, reason: str = "") -> Person:
    """Go all the way into the owner's マイページ."""
    return open_owner(staff, owner, agency).fill({"代理ログインの理由": reason}).press("代理ログイン")


def act_for(staff: Person, owner: OwnerPart) -> Person:
    """Act for an owner when the portal is signed in already."""
    return staff.open(f"{staff.club.portal}/agency_admin/{owner.user_id}").press("代理ログイン")


def revoke(owner: Person) -> Person:
    """Take the only permission back."""
    owner.open(f"{owner.club.idp}/account").follow("許可を取り消す")
    assert owner.heading == "許可を取り消しますか"
    return owner.press("許可を取り消す")


def banner(person: Person) -> str:
    """Return what the banner of a proxy login says, or nothing."""
    shown = person.page.locator("section.act-as")
    return " ".join(shown.inner_text().split()) if shown.count() else ""


def service(person: Person, name: str) -> str:
    """Return whether the page says 加入 or 未加入 of a service."""
    (line,) = person.page.locator(".services li").filter(has_text=name).all_inner_texts()
    return line.split()[-1]
