"""An owner leaves, a house is sold, an agency closes: what ends, who is told, and that nobody inherits."""

from uuid import UUID

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from idp.accounts.models import Account, Agency, MailLink, Member, OwnerProfile, Product
from idp.accounts.staff.models import StaffInvitation
from idp.cli import cli
from idp.clock import now
from idp.credentials import new_id
from idp.delegation.models import ActAsSession, Grant
from idp.delegation.permissions.products import limit_to, visible_products
from idp.demo import HANAKO, ICHIRO, MINORU, MIRAI, SAKURA, UNCLAIMED, AgencyPart, MemberPart, OwnerPart
from idp.oauth.models import Client, ClientStatus
from tests.delegation.steps import PERSON, answer, ask, operate, register_owner, state_of
from tests.oauth.desk import Desk, Parties
from tests.oauth.relying_party import RelyingParty
from tests.world import APPROVER, BOTH, MANAGER, RIVAL, Letter, World


@pytest.fixture
def desk(world: World, parties: Parties) -> Desk:
    return Desk(world, parties)


def register_agency(world: World, email: str) -> None:
    """Let somebody register as an agency with this address, by the forms."""
    browser = world.browser()
    browser.submit("/register/agency", email=email)
    link = f"/register/agency/member/{world.letters()[-1].data['token']}"
    assert browser.submit(link, company="新みらい電工", **PERSON).status_code == 303
    assert browser.submit(f"{link}/confirm").status_code == 303


def refused(world: World, monkeypatch: pytest.MonkeyPatch, *command: str) -> str:
    """Expect that a command of the operator changes nothing; return what it says."""
    monkeypatch.setenv("IDP_DATABASE_URL", world.settings.database_url)
    before = world.digest()
    result = CliRunner().invoke(cli, command)
    assert result.exit_code in {1, 2}, result.output
    assert world.digest() == before
    return result.output


def told(letters: list[Letter]) -> list[tuple[str, str, str | None]]:
    """Return each mail's name, who got it and how the grant ended."""
    return sorted((one.name, one.to, one.data.get("how")) for one in letters)


# --- an owner leaves --------------------------------------------------------------------------------------


def test_what_an_owner_had_ends_with_the_account_and_the_agencies_are_told(
    world: World, desk: Desk, mypage: RelyingParty, monkeypatch: pytest.MonkeyPatch
) -> None:
    active, asked = world.grant(HANAKO).id, ask(world, HANAKO, agency=SAKURA)
    acting, own, hanako = desk.act(), mypage.sign_in(HANAKO), world.account(HANAKO)
    waiting = desk.ticket()
    letters = len(world.letters())
    operate(world, monkeypatch, "account", "delete", HANAKO.email, "--yes")
    assert [(state_of(world, one).state, state_of(world, one).ended_by) for one in (active, asked)] == [
        ("revoked", "operator"), ("withdrawn", "operator")
    ]  # fmt: skip
    assert told(world.letters()[letters:]) == sorted([
        ("delegation_ended_for_agency", MIRAI.email, "owner_left"),
        ("delegation_ended_for_agency", SAKURA.email, "owner_left"),
        ("account_deleted", HANAKO.email, None),
    ])  # fmt: skip
    assert ("mypage", acting.claims["sid"]) in world.logout_calls()
    for token in (acting.access_token, own.access_token):
        assert world.api("GET", "/api/me/profile", token).status_code == 401
        assert mypage.introspect(token).response.get_json() == {"active": False}
    mypage.refresh(own.refresh_token).expect_error("invalid_grant")
    desk.portal.exchange(desk.staff.access_token, active).expect_error("invalid_request")
    mypage.authorize(desk.browser, login_hint=waiting).expect_error("login_required")
    assert "account.deleted" in [one.event for one in world.events() if one.owner_id == hanako.id]


def test_nothing_personal_stays_of_a_deleted_owner_but_the_numbers_that_records_name(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner_id, user_id = world.account(HANAKO).id, HANAKO.user_id
    world.browser().submit("/password/forgot", email=HANAKO.email)
    operate(world, monkeypatch, "account", "delete", HANAKO.email, "--yes")
    account = world.read(lambda session: session.get_one(Account, owner_id))
    assert (account.status, account.email, account.password_hash, account.name, account.furigana) == (
        "deleted", None, None, "", ""
    )  # fmt: skip
    profile = world.read(lambda session: session.get_one(OwnerProfile, owner_id))
    assert (profile.user_id, profile.prefecture, profile.city, profile.street, profile.phone) == (
        user_id, "", "", "", ""
    )  # fmt: skip
    assert world.read(lambda s: s.scalars(select(MailLink).where(MailLink.email == HANAKO.email)).all()) == []
    assert world.read(lambda s: s.scalars(select(Product).where(Product.owner_id == owner_id)).all()) == []
    grants = world.read(lambda s: s.scalars(select(Grant).where(Grant.owner_id == owner_id)).unique().all())
    assert {(one.owner_email, one.owner_furigana, one.search_text) for one in grants} == {("", "", "")}


def test_whoever_registers_with_the_address_of_a_deleted_owner_is_somebody_else(
    world: World, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    former, old = world.account(HANAKO), world.grant(HANAKO)
    operate(world, monkeypatch, "account", "delete", HANAKO.email, "--yes")
    register_owner(world, HANAKO.email, serial=HANAKO.serials[0])
    fresh = world.account(HANAKO)
    assert fresh.id != former.id
    browser = world.browser(HANAKO)
    assert MIRAI.name not in browser.get("/account/delegations").text
    assert world.read(lambda s: s.scalars(select(Grant).where(Grant.owner_id == fresh.id)).first()) is None
    desk.portal.exchange(desk.staff.access_token, old.id).expect_error("invalid_request")
    found = world.api("GET", f"/api/delegations?q={HANAKO.email}", desk.staff.access_token).get_json()
    assert found["items"] == []


def test_a_member_of_staff_who_is_deleted_leaves_the_agency_and_keeps_their_name_in_records(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = world.member(APPROVER)
    invite(world, by=APPROVER)
    operate(world, monkeypatch, "account", "delete", APPROVER.email, "--yes")
    assert world.read(lambda s: s.scalars(select(StaffInvitation)).one()).withdrawn_at is not None
    left = world.read(lambda session: session.get_one(Member, member.id))
    assert left.left_at is not None
    assert (left.account.name, left.account.email) == (APPROVER.name, None)
    assert "member.removed" in [one.event for one in world.events()]


def test_the_only_manager_of_an_agency_is_not_deleted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "only manager" in refused(world, monkeypatch, "account", "delete", RIVAL.email, "--yes")
    assert "No account" in refused(world, monkeypatch, "account", "delete", "x@y.example", "--yes")


def test_nothing_is_deleted_unless_the_operator_says_yes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused(world, monkeypatch, "account", "delete", HANAKO.email)
    refused(world, monkeypatch, "agency", "close", str(world.agency().id))


# --- a house is sold --------------------------------------------------------------------------------------


def limited(world: World, owner: OwnerPart, serial: str, agency: AgencyPart) -> UUID:
    """Let an owner ask for a grant that is about one of their products; return its id."""
    grant_id = ask(world, owner, agency=agency)

    def limit(session: object) -> None:
        product = session.scalars(select(Product).where(Product.serial_number == serial)).one()
        limit_to(session, session.get_one(Grant, grant_id), [product.id])

    world.write(limit)
    return grant_id


def second_house(world: World, monkeypatch: pytest.MonkeyPatch) -> str:
    """Let Hanako have another product than the one she has; return its serial number."""
    operate(world, monkeypatch, "product", "transfer", "--yes", UNCLAIMED[0], "--to", HANAKO.email)
    return UNCLAIMED[0]


def serials(world: World, grant_id: UUID) -> list[str]:
    """Return what a grant is about."""
    return world.read(
        lambda session: [
            one.serial_number for one in visible_products(session, session.get_one(Grant, grant_id))
        ]
    )


def test_a_sold_house_leaves_the_grants_and_ends_those_that_were_about_it_alone(
    world: World, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    sold, kept = HANAKO.serials[0], second_house(world, monkeypatch)
    whole, one = world.grant(HANAKO).id, limited(world, HANAKO, sold, SAKURA)
    answer(world, one, by=RIVAL)
    acting, letters = desk.act(), len(world.letters())
    operate(world, monkeypatch, "product", "transfer", "--yes", sold, "--to", ICHIRO.email)
    assert [state_of(world, grant).state for grant in (whole, one)] == ["active", "revoked"]
    assert serials(world, whole) == [kept]
    assert world.logout_calls() == [("mypage", acting.claims["sid"])]
    assert told(world.letters()[letters:]) == [
        ("delegation_ended_for_agency", SAKURA.email, "products_gone"),
        ("product_handed_over", HANAKO.email, None),
    ]
    written = [event for event in world.events() if event.event == "product.transferred"][-1]
    assert (written.owner_id, written.data["to"]) == (world.account(HANAKO).id, str(world.account(ICHIRO).id))
    unit = world.read(lambda s: s.scalars(select(Product).where(Product.serial_number == sold)).one())
    assert unit.owner_id == world.account(ICHIRO).id
    assert (unit.installation_postal_code, unit.watch_joined_at, unit.ai_control_joined_at) == (None,) * 3


def test_a_product_that_comes_back_does_not_come_back_into_a_limited_grant(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    sold, kept = HANAKO.serials[0], second_house(world, monkeypatch)
    grant_id = limited(world, HANAKO, sold, SAKURA)
    ids = {
        one.serial_number: one.id
        for one in world.read(lambda session: session.scalars(select(Product)).all())
    }
    world.write(lambda s: limit_to(s, s.get_one(Grant, grant_id), [ids[kept]]))
    for to in (["--release"], ["--to", HANAKO.email]):
        operate(world, monkeypatch, "product", "transfer", "--yes", sold, *to)
    assert state_of(world, grant_id).state == "requested"
    assert serials(world, grant_id) == [kept]


def test_an_unlimited_grant_ends_with_the_last_product(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    grant_id = world.grant(HANAKO).id
    for serial, state in zip(
        HANAKO.serials, ["active"] * (len(HANAKO.serials) - 1) + ["revoked"], strict=True
    ):
        operate(world, monkeypatch, "product", "transfer", "--yes", serial, "--release")
        assert state_of(world, grant_id).state == state


def test_the_agencies_of_the_former_owner_see_nothing_of_the_next_one(
    world: World, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    for serial in HANAKO.serials:
        operate(world, monkeypatch, "product", "transfer", "--yes", serial, "--to", ICHIRO.email)
    for words in (HANAKO.serials[0], ICHIRO.email):
        listed = world.api("GET", f"/api/delegations?q={words}&state=active", desk.staff.access_token)
        assert listed.get_json()["items"] == []


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["HC-A00000000", "--release"], "factory"),
        ([HANAKO.serials[0], "--to", HANAKO.email], "already"),
        ([HANAKO.serials[0], "--to", "x@y.example"], "No account"),
        ([HANAKO.serials[0], "--to", MANAGER.email], "no owner"),
        ([HANAKO.serials[0]], "--release"),
        ([HANAKO.serials[0], "--to", ICHIRO.email, "--release"], "--release"),
    ],
)
def test_a_hand_over_that_cannot_be_says_why(
    world: World, monkeypatch: pytest.MonkeyPatch, command: list[str], words: str
) -> None:
    assert words in refused(world, monkeypatch, "product", "transfer", "--yes", *command)


# --- an agency closes -------------------------------------------------------------------------------------


def test_everything_of_a_closed_agency_ends_and_the_owners_are_told(
    world: World, desk: Desk, parties: Parties, monkeypatch: pytest.MonkeyPatch
) -> None:
    agency, active, asked = world.agency(), world.grant(HANAKO).id, ask(world, MINORU)
    acting, letters = desk.act(), len(world.letters())
    invite(world)
    operate(world, monkeypatch, "agency", "close", str(agency.id), "--yes")
    assert world.read(lambda session: session.get_one(Agency, agency.id)).status == "closed"
    assert [state_of(world, one).state for one in (active, asked)] == ["revoked", "withdrawn"]
    sent = told(world.letters()[letters:])
    assert ("delegation_ended_for_owner", HANAKO.email, "agency_closed") in sent
    assert ("delegation_ended_for_owner", MINORU.email, "agency_closed") in sent
    assert ("agency_closed", MIRAI.email, None) in sent
    assert ("mypage", acting.claims["sid"]) in world.logout_calls()
    assert world.api("GET", "/api/delegations", desk.staff.access_token).status_code == 401
    desk.portal.refresh(desk.staff.refresh_token).expect_error("invalid_grant")
    assert parties["mypage"].introspect(acting.access_token).response.get_json() == {"active": False}
    assert (
        world.read(lambda s: s.scalars(select(Member).where(Member.left_at.is_(None))).all())
        == [world.member(RIVAL)]
        or world.member(RIVAL).left_at is None
    )
    assert world.read(lambda s: s.scalars(select(StaffInvitation)).one()).withdrawn_at is not None
    running = select(ActAsSession).where(ActAsSession.ended_at.is_(None))
    assert world.read(lambda session: session.scalars(running).all()) == []


def invite(world: World, *, by: MemberPart = MANAGER) -> None:
    """Let an invitation of staff be under way."""
    member = world.member(by)
    world.write(
        lambda session: session.add(
            StaffInvitation(
                id=new_id(), agency_id=member.agency_id, email="new@mirai-denko.example", role="viewer",
                invited_by=member.id, link_digest="digest", created_at=now(), expires_at=now(),
            )
        )
    )  # fmt: skip


def test_a_member_who_is_an_owner_too_stays_an_owner(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    operate(world, monkeypatch, "agency", "close", str(world.agency().id), "--yes")
    assert world.account(BOTH).status == "active"
    assert world.browser(BOTH).get("/account/delegations").status_code == 200


def test_the_systems_of_a_closed_agency_are_disabled(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    agency_id = world.agency().id
    world.write(lambda s: setattr(s.get_one(Client, "rival-portal"), "agency_id", agency_id))
    operate(world, monkeypatch, "agency", "close", str(agency_id), "--yes")
    assert world.read(lambda s: s.get_one(Client, "rival-portal")).status == ClientStatus.DISABLED
    assert world.read(lambda s: s.get_one(Client, "mypage")).status == ClientStatus.ACTIVE


def test_an_agency_that_registers_with_the_address_of_a_closed_one_sees_nothing_of_it(
    world: World, desk: Desk, portal: RelyingParty, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, agency = world.grant(HANAKO).id, world.agency()
    operate(world, monkeypatch, "agency", "close", str(agency.id), "--yes")
    register_agency(world, MIRAI.email)
    token = portal.sign_in(MANAGER).access_token
    listed = world.api("GET", "/api/delegations", token).get_json()
    assert (listed["items"], set(listed["counts"].values())) == ([], {0})
    for path in (f"/api/delegations/{old}", f"/api/delegations?user_id={HANAKO.user_id}"):
        answered = world.api("GET", path, token)
        assert answered.status_code == 404 or answered.get_json()["items"] == []
    portal.exchange(token, old).expect_error("invalid_request")
    assert state_of(world, old).agency_id == agency.id


def test_an_agency_is_closed_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    agency_id = str(world.agency().id)
    operate(world, monkeypatch, "agency", "close", agency_id, "--yes")
    assert "closed before" in refused(world, monkeypatch, "agency", "close", agency_id, "--yes")
