"""The copy of an owner's words beside each open grant: it follows the owner, and ends with the grant."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sqlalchemy import delete, select, text, update

from idp import clock
from idp.accounts.models import Account, ChangedOwner, Product
from idp.accounts.people import note_change
from idp.accounts.products.service import Claim, claim_product
from idp.accounts.profile.service import OwnerDetails, update_owner
from idp.delegation import search_index
from idp.delegation.models import Grant, GrantProduct
from idp.demo import HANAKO, ICHIRO, MINORU, TADASHI, UNCLAIMED
from tests.databases import on_postgres
from tests.delegation.steps import answer, ask, end
from tests.world import World


def words(world: World, owner: Any = HANAKO) -> list[str]:
    return world.grant(owner).search_text.split()


def test_a_request_is_found_by_everything_that_the_agency_is_shown(world: World) -> None:
    assert words(world) == [
        HANAKO.email, str(HANAKO.user_id), "鈴木花子", "スズキハナコ", "京都府京都市中京区", "essu4x1",
        "hca10001wn1",
    ]  # fmt: skip
    assert (world.grant().owner_email, world.grant().owner_furigana) == (HANAKO.email, "スズキハナコ")
    assert words(world, ICHIRO).count("essu4x1") == 1


def test_the_copy_follows_name_and_products_once_the_worker_has_run(world: World) -> None:
    owner_id = world.account(HANAKO).id
    details = OwnerDetails(
        "山田 花子", "ヤマダ ハナコ", "1000001", "東京都", "千代田区", "千代田1", "0312345678", True
    )

    def change(session: Any) -> None:
        update_owner(session, owner_id, details=details)
        claim = Claim(UNCLAIMED[0], None, None, frozenset())
        claim_product(session, owner_id, claim=claim, now=clock.now())

    world.write(change)
    assert "山田花子" not in words(world)
    assert search_index.keep_up(world.database) >= 1
    assert {"山田花子", "ヤマダハナコ", "東京都千代田区", "hca30001wn1"} <= set(words(world))
    assert world.grant().owner_furigana == "ヤマダハナコ"
    assert world.count(ChangedOwner) == 0


def test_an_ended_grant_keeps_no_words_and_gets_none_from_later_changes(world: World) -> None:
    owner_id = world.account(HANAKO).id
    end(world, world.grant().id)
    world.write(lambda session: note_change(session, owner_id))
    world.write(lambda session: search_index.refresh_owner(session, owner_id))
    search_index.keep_up(world.database)
    for ended in (world.grant(HANAKO), world.grant(TADASHI)):
        assert (ended.owner_email, ended.owner_furigana, ended.search_text) == ("", "", "")
    again = ask(world, HANAKO)
    answer(world, again)
    assert "鈴木花子" in world.read(lambda session: session.get_one(Grant, again)).search_text


def test_a_limited_grant_is_found_only_by_the_products_that_it_is_about(world: World) -> None:
    grant_id = world.grant(ICHIRO).id

    def limit(session: Any) -> None:
        product = session.scalars(select(Product).where(Product.serial_number == ICHIRO.serials[1])).one()
        session.add(GrantProduct(grant_id=grant_id, product_id=product.id))
        session.execute(update(Grant).where(Grant.id == grant_id).values(all_products=False))
        session.flush()
        search_index.refresh_owner(session, world.account(ICHIRO).id)

    world.write(limit)
    assert [word for word in words(world, ICHIRO) if word.startswith("hc")] == ["hca10003wn1"]


def test_a_change_that_is_not_stored_leaves_no_note_and_a_second_one_renews_it(world: World) -> None:
    search_index.keep_up(world.database)
    owner_id = world.account(MINORU).id
    world.write(lambda session: note_change(session, owner_id))
    first = world.read(lambda session: session.get_one(ChangedOwner, owner_id)).changed_at
    world.write(lambda session: note_change(session, owner_id))
    assert world.read(lambda session: session.get_one(ChangedOwner, owner_id)).changed_at > first
    assert world.read(lambda session: session.get_one(Account, owner_id)).name == MINORU.name


@on_postgres
def test_a_change_that_comes_while_the_worker_is_looking_leaves_a_note(world: World) -> None:
    owner_id, waiting = world.account(MINORU).id, text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    world.write(lambda session: note_change(session, owner_id))
    with ThreadPoolExecutor(1) as owner, world.database.open_session(writes=True) as worker:
        worker.execute(select(ChangedOwner).with_for_update()).all()
        change = owner.submit(world.write, lambda session: note_change(session, owner_id))
        while not worker.scalar(waiting):
            assert not change.done()
        worker.execute(delete(ChangedOwner))
        worker.commit()
        change.result(timeout=10)
    assert world.read(lambda session: session.get(ChangedOwner, owner_id)) is not None
