"""Claiming products and joining services."""

import threading
import uuid

import pytest
from sqlalchemy import select

from idp import clock
from idp.accounts.models import Product
from idp.accounts.products import service
from idp.accounts.products.forms import fold_serial
from idp.accounts.products.service import ChangedBy, Claim
from idp.accounts.rules import NoSuchProduct, SerialTaken, Service
from idp.unit_of_work import unit_of_work
from tests.accounts.conftest import PASSWORD, Club
from tests.accounts.visitor import Visitor

PAGE = "/account/products/new"
SERIAL = "HC-A10001WN1"


@pytest.fixture
def owner_id(club: Club) -> uuid.UUID:
    return club.make_owner()


@pytest.fixture
def owner(club: Club, visitor: Visitor, owner_id: uuid.UUID) -> Visitor:
    visitor.sign_in("hanako@owner.example", PASSWORD)
    return visitor


def only_product(club: Club) -> Product:
    found: Product = club.read(lambda session: session.scalars(select(Product)).one())
    return found


def test_an_owner_claims_a_unit_by_its_serial_number(club: Club, owner: Visitor, owner_id: uuid.UUID) -> None:
    club.make_product(SERIAL)
    page = owner.get(PAGE)
    assert 'value="6040845"' in page.text
    answer = owner.submit(PAGE, page=page, serial_number=" hc-a10001wn1 ", services=["watch"])
    assert answer.status_code == 303
    claimed = only_product(club)
    assert (claimed.owner_id, claimed.installation_postal_code) == (owner_id, "6040845")
    assert claimed.watch_joined_at is not None
    assert claimed.ai_control_joined_at is None
    assert "ESS-U4X1" in owner.get(PAGE).text
    assert club.events()[-1] == "product.claimed"


@pytest.mark.parametrize(
    "typed", ["HC-A10001WN1", "ｈｃ－ａ１０００１ｗｎ１", "HCーA10001WN1", "hc‐a10001 wn1"]
)
def test_a_serial_number_is_folded_to_what_is_printed_on_the_unit(typed: str) -> None:
    assert fold_serial(typed) == SERIAL
    assert fold_serial(fold_serial(typed)) == SERIAL


def test_an_unknown_serial_number_says_where_to_look(club: Club, owner: Visitor) -> None:
    club.make_product(SERIAL)
    before = club.digest()
    answer = owner.submit(PAGE, serial_number="HC-A99999WN9")
    assert answer.status_code == 400
    assert "銘板" in answer.text
    assert club.digest() == before


def test_a_second_claim_is_refused_with_the_telephone_number(club: Club, owner: Visitor) -> None:
    club.make_product(SERIAL, owner_id=club.make_owner("other@owner.example", user_id=2))
    before = club.digest()
    answer = owner.submit(PAGE, serial_number=SERIAL)
    assert answer.status_code == 409
    assert f"{club.settings.contact_phone} までお電話ください" in answer.text
    assert club.digest() == before


def test_a_unit_of_ones_own_is_not_called_somebody_elses(
    club: Club, owner: Visitor, owner_id: uuid.UUID
) -> None:
    club.make_product(SERIAL, owner_id=owner_id)
    answer = owner.submit(PAGE, serial_number=SERIAL)
    assert answer.status_code == 409
    assert "すでにお客様のお名前で登録されています" in answer.text


@pytest.mark.parametrize("typed", ["", "HC", "<script>", "HC-A'; DROP TABLE products--", "あいうえお"])
def test_what_is_no_serial_number_is_refused(club: Club, owner: Visitor, typed: str) -> None:
    assert owner.submit(PAGE, serial_number=typed).status_code == 400


def test_a_service_that_does_not_exist_is_refused(club: Club, owner: Visitor) -> None:
    club.make_product(SERIAL)
    assert owner.submit(PAGE, serial_number=SERIAL, services=["free_energy"]).status_code == 400
    assert only_product(club).owner_id is None


def test_fields_that_are_not_on_the_form_are_ignored(club: Club, owner: Visitor, owner_id: uuid.UUID) -> None:
    other = club.make_owner("other@owner.example", user_id=2)
    club.make_product(SERIAL)
    owner.submit(PAGE, serial_number=SERIAL, owner_id=str(other), product_id="9", model="other")
    claimed = only_product(club)
    assert (claimed.owner_id, claimed.product_id, claimed.model) == (owner_id, 501, "ESS-U4X1")


def test_of_claims_at_once_one_succeeds(club: Club) -> None:
    club.make_product(SERIAL)
    owners = [club.make_owner(f"o{number}@owner.example", user_id=number) for number in range(8)]
    claim = Claim(SERIAL, None, None, frozenset())
    outcomes: list[str] = []
    start = threading.Barrier(len(owners))

    def press(owner: uuid.UUID) -> None:
        start.wait()
        try:
            with unit_of_work(club.database) as session:
                service.claim_product(session, owner, claim=claim, now=clock.now())
            outcomes.append("claimed")
        except SerialTaken:
            outcomes.append("taken")

    threads = [threading.Thread(target=press, args=(owner,)) for owner in owners]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["claimed"] + ["taken"] * 7


def test_joining_again_keeps_the_date_and_leaving_forgets_it(club: Club, owner_id: uuid.UUID) -> None:
    product_id = club.make_product(SERIAL, owner_id=owner_id)

    def change(*, join: set[Service], leave: set[Service]) -> None:
        club.write(
            lambda session: service.change_services(
                session,
                owner_id,
                product_id=product_id,
                join=frozenset(join),
                leave=frozenset(leave),
                by=ChangedBy(owner_id),
                now=clock.now(),
            )
        )

    change(join={Service.WATCH}, leave=set())
    first = only_product(club).watch_joined_at
    change(join={Service.WATCH, Service.AI_CONTROL}, leave=set())
    assert only_product(club).watch_joined_at == first
    change(join=set(), leave={Service.WATCH})
    assert only_product(club).watch_joined_at is None
    assert only_product(club).ai_control_joined_at is not None
    events = len(club.events())
    change(join={Service.AI_CONTROL}, leave={Service.WATCH})
    assert len(club.events()) == events


def test_a_product_of_another_owner_is_no_product_at_all(club: Club, owner_id: uuid.UUID) -> None:
    product_id = club.make_product(SERIAL, owner_id=club.make_owner("other@owner.example", user_id=2))
    with pytest.raises(NoSuchProduct):
        club.write(
            lambda session: service.change_services(
                session,
                owner_id,
                product_id=product_id,
                join=frozenset({Service.WATCH}),
                leave=frozenset(),
                by=ChangedBy(owner_id),
                now=clock.now(),
            )
        )
    assert only_product(club).watch_joined_at is None
