"""A permission that is limited to some of the owner's products, and the text that the owner agreed to."""

from dataclasses import replace
from uuid import UUID

import pytest
from sqlalchemy import select, update

from idp import clock
from idp.accounts.folding import fold_search
from idp.accounts.products.service import list_products
from idp.delegation.models import Grant, GrantProduct
from idp.delegation.permissions.models import ConsentWording
from idp.delegation.permissions.products import visible_products
from idp.delegation.permissions.service import register_permission
from idp.delegation.rules import READ, WRITE
from idp.demo import HANAKO, ICHIRO, SAKURA
from idp.demo.permissions import MYPAGE_PERMISSIONS
from idp.oauth.models import Client
from tests.accounts.visitor import Visitor, forms_of
from tests.clients_of_the_world import MYAPP_READ
from tests.delegation.steps import answer, ask, state_of
from tests.delegation.test_owner_pages import MYPAGE, OTHER, confirm, name_agency
from tests.oauth.relying_party import RelyingParty
from tests.world import RIVAL, World

FIRST, SECOND = ICHIRO.serials[:2]


@pytest.fixture
def ichiro(world: World) -> Visitor:
    """An owner of three products."""
    return world.browser(ICHIRO)


def numbers(world: World, *serials: str) -> list[str]:
    """Return the Product IDs of these units, as a form sends them."""
    return [
        str(product.product_id)
        for product in world.read(lambda s: visible_products(s, world.grant(ICHIRO)))
        if product.serial_number in serials
    ]


def seen(world: World, grant_id: UUID) -> list[str]:
    """Return the serial numbers of the products that a grant is about."""
    return world.read(
        lambda session: [
            product.serial_number for product in visible_products(session, session.get_one(Grant, grant_id))
        ]
    )


def test_a_permission_can_be_limited_to_some_products(world: World, ichiro: Visitor) -> None:
    page = name_agency(ichiro, SAKURA.email)
    assert SECOND in page.text
    chosen = numbers(world, FIRST)
    assert confirm(ichiro, page, products="some", chosen=chosen).status_code == 303
    grant = world.grant(ICHIRO, SAKURA)
    assert not grant.all_products
    assert seen(world, grant.id) == [FIRST]
    letter = [one for one in world.letters() if one.to == SAKURA.email][-1]
    assert FIRST in str(letter.data)
    assert SECOND not in str(letter.data)
    (event,) = world.events(grant_id=grant.id)
    assert event.data["products"] == [int(one) for one in chosen]


def test_all_products_are_those_of_any_moment(world: World, ichiro: Visitor) -> None:
    confirm(ichiro, name_agency(ichiro, SAKURA.email))
    grant = world.grant(ICHIRO, SAKURA)
    assert grant.all_products
    assert seen(world, grant.id) == sorted(ICHIRO.serials)
    assert world.count(GrantProduct) == 0


def test_an_owner_of_one_product_is_not_asked_which(world: World) -> None:
    hanako = world.browser(HANAKO)
    page = name_agency(hanako, SAKURA.email)
    assert not {"products", "chosen"} & set(forms_of(page)[0].fields)
    confirm(hanako, page, products="some", chosen=numbers(world, FIRST))
    assert world.grant(HANAKO, SAKURA).all_products


@pytest.mark.parametrize(
    ("products", "chosen", "told"),
    [("some", [], "許可する製品を一つ以上選んでください。"),
     ("all", ["mine"], "製品にチェックがついています。"),
     ("some", ["another's"], "いまは選べない製品があります。"),
     ("some", ["mine", "x"], "いまは選べない製品があります。"), ("none", [], "許可する製品")],
)  # fmt: skip
def test_products_that_are_not_offered_are_refused(
    world: World, ichiro: Visitor, products: str, chosen: list[str], told: str
) -> None:
    others = [str(one.product_id) for one in world.read(lambda s: visible_products(s, world.grant(HANAKO)))]
    known = {"mine": numbers(world, FIRST)[0], "another's": others[0], "x": "x"}
    again = confirm(
        ichiro, name_agency(ichiro, SAKURA.email), products=products, chosen=[known[one] for one in chosen]
    )
    assert again.status_code == 200
    assert told in again.text
    with pytest.raises(LookupError):
        world.grant(ICHIRO, SAKURA)


def test_each_app_is_chosen_by_itself_and_one_at_least(world: World, ichiro: Visitor) -> None:
    page = name_agency(ichiro, SAKURA.email)
    for line in (*MYPAGE_PERMISSIONS[1].can, *MYPAGE_PERMISSIONS[0].cannot, *MYAPP_READ.can):
        assert line in page.text
    nothing = confirm(ichiro, page, **{MYPAGE: "", OTHER: ""})
    assert "許可するものを一つ以上選んでください。" in nothing.text
    assert confirm(ichiro, page, **{MYPAGE: "", OTHER: MYAPP_READ.name}).status_code == 303
    assert world.grant(ICHIRO, SAKURA).permission_set == {MYAPP_READ.name}


def test_where_no_app_supports_acting_nothing_can_be_asked_for(world: World, ichiro: Visitor) -> None:
    page = name_agency(ichiro, SAKURA.email)
    world.write(lambda s: s.execute(update(Client).values(act_as_supported=False)).close())
    again = confirm(ichiro, confirm(ichiro, page))
    assert "いまは、許可できるアプリがありません。" in again.text
    with pytest.raises(LookupError):
        world.grant(ICHIRO, SAKURA)


def test_the_text_as_it_was_shown_is_kept_and_the_permission_names_it(world: World) -> None:
    for owner in (ICHIRO, HANAKO):  # the same text twice is kept once
        browser = world.browser(owner)
        confirm(browser, name_agency(browser, SAKURA.email), **{MYPAGE: WRITE})
    versions = {world.grant(owner, SAKURA).wording for owner in (ICHIRO, HANAKO)}
    assert [one.version for one in world.read(lambda s: s.scalars(select(ConsentWording)).all())] == [
        *versions
    ]
    text = world.read(lambda session: session.get_one(ConsentWording, versions.pop()).text)
    assert text["マイページ – 閲覧と設定変更: できること"] == list(MYPAGE_PERMISSIONS[1].can)
    assert {"いつまで", "やめかた", "どれを選んでも、できないこと"} < set(text)


def test_who_has_read_other_words_reads_again_before_anything_is_stored(
    world: World, ichiro: Visitor
) -> None:
    page = name_agency(ichiro, SAKURA.email)
    wider = replace(MYPAGE_PERMISSIONS[0], can=("すべてを見ること",), can_en=("See everything",))
    world.write(lambda session: register_permission(session, wider))
    again = confirm(ichiro, page, **{MYPAGE: READ})
    assert again.status_code == 200
    assert "説明の文が変わりました" in again.text
    assert "すべてを見ること" in again.text
    with pytest.raises(LookupError):
        world.grant(ICHIRO, SAKURA)
    assert confirm(ichiro, again).status_code == 303
    text = world.read(
        lambda session: session.get_one(ConsentWording, world.grant(ICHIRO, SAKURA).wording).text
    )
    assert text["マイページ – 閲覧のみ: できること"] == ["すべてを見ること"]


@pytest.fixture
def limited(world: World) -> UUID:
    """A permission in force for one of an owner's three products."""
    grant_id = ask(world, ICHIRO, agency=SAKURA, permissions=[READ, WRITE], serials=[FIRST])
    answer(world, grant_id, by=RIVAL)
    return grant_id


def test_under_act_only_the_chosen_products_are_seen_and_changed(
    world: World, parties: dict[str, RelyingParty], limited: UUID
) -> None:
    rival = parties["rival-portal"]
    staff = rival.sign_in(RIVAL).access_token
    acting = rival.exchange(staff, limited, scope=f"{READ} {WRITE}").tokens()
    first, second, _third = world.read(
        lambda session: list_products(session, session.get_one(Grant, limited).owner_id)
    )
    assert acting.access_claims["products"] == [first.product_id]
    told = world.api("GET", "/api/me/products", acting.access_token).get_json()
    assert [one["serial_number"] for one in told["items"]] == [FIRST]
    assert told["limited"] is True
    wish, before = {"services": {"early_advisory": True}}, world.digest()
    for product, status in ((second, 404), (first, 200)):
        answered = world.api("PATCH", f"/api/me/products/{product.id}", acting.access_token, json=wish)
        assert answered.status_code == status
        assert (world.digest() == before) == (status == 404)
    asked = parties["mypage"].introspect(acting.access_token).response.get_json()
    assert asked["products"] == [first.product_id]


def test_a_product_that_leaves_the_permission_is_gone_at_the_next_request(
    world: World, parties: dict[str, RelyingParty], limited: UUID
) -> None:
    rival = parties["rival-portal"]
    acting = rival.exchange(rival.sign_in(RIVAL).access_token, limited).tokens()
    assert world.api("GET", "/api/me/products", acting.access_token).get_json()["items"]
    world.write(lambda session: session.execute(update(GrantProduct).values(ended_at=clock.now())).close())
    assert world.api("GET", "/api/me/products", acting.access_token).get_json()["items"] == []
    assert parties["mypage"].introspect(acting.access_token).response.get_json()["products"] == []


def test_the_agency_is_told_of_the_chosen_products_alone(
    world: World, parties: dict[str, RelyingParty], limited: UUID
) -> None:
    staff = parties["rival-portal"].sign_in(RIVAL).access_token
    shown = world.api("GET", f"/api/delegations/{limited}", staff).get_json()
    assert [one["serial_number"] for one in shown["products"]] == [FIRST]
    assert shown["all_products"] is False
    words = state_of(world, limited).search_text
    assert (fold_search(FIRST) in words, fold_search(SECOND) in words) == (True, False)


def test_an_owner_reads_of_each_permission_what_it_allows_and_how_to_stop_it(
    world: World, ichiro: Visitor
) -> None:
    confirm(ichiro, name_agency(ichiro, SAKURA.email), products="some", chosen=numbers(world, FIRST))
    answer(world, world.grant(ICHIRO, SAKURA).id, by=RIVAL)
    look = MYPAGE_PERMISSIONS[0]
    for page in ("/account", "/account/delegations"):
        card = ichiro.get(page).text.split(SAKURA.email)[1].split("</section>")[0]
        for words in (look.title, *look.can, *look.cannot, "やめかた", "内容を変えるには", FIRST):
            assert words in card, (page, words)
        assert SECOND not in card
    wording = f"/account/disclosures/wordings/{world.grant(ICHIRO, SAKURA).wording}"
    assert wording in card
    assert look.can[0] in ichiro.get(wording).text
    approved = [one for one in world.letters() if one.name == "delegation_approved"][-1]
    assert (approved.data["allowed"], approved.data["products"]) == (["閲覧のみ"], [f"ESS-U4X1 {FIRST}"])
