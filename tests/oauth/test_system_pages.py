"""システム連携: a manager looks after the agency's own systems, and nobody else does."""

import json
import time
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from sqlalchemy import select

from idp.accounts.rules import RoleMayNot
from idp.audit.events import Event
from idp.delegation.models import ActAsSession
from idp.delegation.rules import SessionEnd
from idp.mail.models import OutboxItem, Topic
from idp.oauth.client_metadata import CLIENT_CREDENTIALS, ClientMetadataRefused
from idp.oauth.clients import set_client_status
from idp.oauth.keys import new_client_key
from idp.oauth.models import Client, ClientStatus
from idp.oauth.systems import service
from idp.oauth.systems.keys import read_keys
from idp.oauth.systems.rules import MOST_SYSTEMS, KeysRefused, KeyTrouble, TooManySystems
from idp.oauth.systems.service import SystemDetails
from tests.accounts.visitor import Visitor, forms_of
from tests.oauth.relying_party import RelyingParty
from tests.oauth.systems import NAME, own_token, public, system_of
from tests.world import APPROVER, LOGIN_ONLY, MANAGER, RIVAL, VIEWER, World

HERE = "/agency/systems"


def typed(key: dict[str, Any], **deviation: Any) -> dict[str, Any]:
    return {"name": "発電量レポート", "audiences": "mypage", "keys": json.dumps(public(key)), "jwks_uri": "",
            "event_receiver_uri": "", **deviation}  # fmt: skip


def registered(browser: Visitor, form: dict[str, Any]) -> str:
    """Register a system in the browser and return its address."""
    answer = browser.submit(f"{HERE}/new", **form)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["Location"])


def test_a_manager_registers_a_system_that_then_gets_tokens_with_its_own_key(world: World) -> None:
    manager, key = world.browser(MANAGER), new_client_key()
    where = registered(manager, typed(key))
    shown = manager.get(where).text
    client_id = where.rpartition("/")[2]
    for told in (client_id, f"{world.settings.issuer}/oauth/token", "private_key_jwt", "発電量レポート"):
        assert told in shown
    assert "発電量レポート" in manager.get(HERE).text
    system = RelyingParty(world, client_id, "", "act_as delegations.read", method="private_key_jwt", key=key)
    assert system.token({"grant_type": CLIENT_CREDENTIALS}).tokens().scope == {"act_as", "delegations.read"}
    record = [one for one in world.events() if one.event == Event.AGENCY_SYSTEM_CHANGED][-1]
    assert record.actor_id == world.account(MANAGER).id
    assert (record.agency_id, record.client_id, record.data["change"]) == (
        world.agency().id, client_id, "registered",
    )  # fmt: skip


def pem(key: Any) -> str:
    return str(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())


def private_pem(key: Any) -> str:
    return str(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())


def test_keys_are_read_as_people_have_them() -> None:
    one, other = ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65537, 2048)
    key = new_client_key()
    assert [found["kty"] for found in read_keys(pem(one) + "\n" + pem(other))["keys"]] == ["EC", "RSA"]
    assert read_keys(json.dumps(public(key)))["keys"] == [public(key)]
    assert read_keys(json.dumps({"keys": [public(key)]}))["keys"] == [public(key)]


def test_what_is_no_public_key_is_refused_with_its_reason() -> None:
    small = rsa.generate_private_key(65537, 1024)  # noqa: S505 - weak on purpose
    curve = ec.generate_private_key(ec.SECP384R1())
    good = ec.generate_private_key(ec.SECP256R1())
    for text, trouble in (
        (json.dumps(new_client_key()), KeyTrouble.PRIVATE), (private_pem(good), KeyTrouble.PRIVATE),
        (pem(good) + private_pem(good), KeyTrouble.PRIVATE), (pem(small), KeyTrouble.WEAK),
        (pem(curve), KeyTrouble.WEAK), ("ssh-ed25519 AAAA", KeyTrouble.UNREADABLE),
        ("{", KeyTrouble.UNREADABLE), ('{"keys": []}', KeyTrouble.UNREADABLE),
        ('{"keys": [1]}', KeyTrouble.UNREADABLE), ("", KeyTrouble.UNREADABLE),
        ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", KeyTrouble.UNREADABLE),
    ):  # fmt: skip
        with pytest.raises(KeysRefused) as refused:
            read_keys(text)
        assert refused.value.trouble is trouble, text[:40]


def test_what_only_begins_keys_is_read_once() -> None:
    begun = time.process_time()
    with pytest.raises(KeysRefused):
        read_keys("-----BEGIN A-----" * 3800)
    assert time.process_time() - begun < 0.5


def test_a_private_key_is_neither_stored_nor_shown_again(world: World) -> None:
    manager, key = world.browser(MANAGER), new_client_key()
    answer = manager.submit(f"{HERE}/new", **typed(key, keys=json.dumps(key)))
    assert answer.status_code == 400
    assert "秘密鍵が含まれている" in answer.text
    assert key["d"] not in answer.text
    assert world.read(lambda session: service.list_systems(session, world.agency().id)) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("jwks_uri", "http://keys.example/jwks"), ("event_receiver_uri", "http://events.example/"),
        ("event_receiver_uri", "https://10.0.0.1/"), ("event_receiver_uri", "https://[::1]/"),
        ("event_receiver_uri", "https://localhost/"), ("event_receiver_uri", "https://2130706433/"),
        ("event_receiver_uri", "https://user@events.example/"), ("event_receiver_uri", "javascript:alert(1)"),
        ("audiences", ()), ("audiences", ("radio",)), ("audiences", ("agency-portal",)), ("name", "\u3000"),
    ],
)  # fmt: skip
def test_an_address_inside_our_network_and_an_app_that_cannot_be_acted_at_are_refused(
    world: World, name: str, value: Any
) -> None:
    manager, key = world.member(MANAGER), public(new_client_key())
    good = SystemDetails("発電量レポート", audiences=("mypage",), jwks={"keys": [key]})
    good = replace(good, event_receiver_uri="https://events.example/in")
    wrong = replace(good, **{name: value}, **({"jwks": None} if name == "jwks_uri" else {}))
    for details, fits in ((wrong, False), (good, True)):

        def register(details: SystemDetails = details) -> Any:
            return world.write(
                lambda session: service.register_system(session, manager, details, internal_calls=False)
            )

        if fits:
            register()
        else:
            with pytest.raises(ClientMetadataRefused):
                register()


def test_what_is_missing_stands_beside_its_field(world: World) -> None:
    manager, key = world.browser(MANAGER), new_client_key()
    for form, words in (
        (typed(key, name=""), "システムの名前を入力してください"), (typed(key, keys=""), "両方はいりません"),
        (typed(key, jwks_uri="https://keys.example/jwks"), "両方はいりません"),
        (typed(key, audiences=[]), "利用するアプリを選んでください"),
        (typed(key, audiences="nonsense"), "アプリを選んでください"),
        (typed(key, event_receiver_uri="ftp://events.example"), "https:// で始まり"),
        (typed(key, keys="hello"), "公開鍵として読み取れません"),
    ):  # fmt: skip
        answer = manager.submit(f"{HERE}/new", **form)
        assert (answer.status_code, words in answer.text) == (400, True), words
    registered(manager, typed(key))


def test_only_managers_of_the_agency_see_or_change_its_systems(world: World) -> None:
    system = system_of(world)
    where = f"{HERE}/{system.client_id}"
    pages = (HERE, f"{HERE}/new", where, f"{where}/edit", f"{where}/stop", f"{where}/remove")
    for part in (APPROVER, LOGIN_ONLY, VIEWER):
        browser = world.browser(part)
        assert {browser.get(page).status_code for page in pages} == {403}
    rival = world.browser(RIVAL)
    assert [rival.get(page).status_code for page in pages] == [200, 200, 404, 404, 404, 404]
    assert NAME not in rival.get(HERE).text
    manager = world.browser(MANAGER)
    assert {manager.get(page).status_code for page in pages} == {200}
    for action in ("stop", "resume", "remove", "test", "edit"):
        sent = {"csrf_token": _csrf(rival, f"{HERE}/new")}
        assert rival.post(f"{where}/{action}", sent).status_code == 404
    member = world.member(APPROVER)
    with pytest.raises(RoleMayNot):
        world.write(lambda session: service.remove_system(session, member, system.client_id))
    own_token(system)


def _csrf(browser: Visitor, page: str) -> list[str]:
    return forms_of(browser.get(page))[0].fields["csrf_token"]


def test_new_keys_count_from_the_next_request_on(world: World) -> None:
    system, manager, key = system_of(world), world.browser(MANAGER), new_client_key()
    where = f"{HERE}/{system.client_id}"
    assert manager.submit(f"{where}/edit", **typed(key)).headers["Location"] == where
    system.token({"grant_type": CLIENT_CREDENTIALS}).expect_error("invalid_client")
    own_token(replace(system, key=key))


def waiting(world: World) -> list[str]:
    names = select(OutboxItem.name).where(OutboxItem.topic == Topic.SECURITY_EVENT)
    return list(world.read(lambda session: session.scalars(names).all()))


@pytest.mark.parametrize("action", ["stop", "remove"])
def test_stopping_or_removing_ends_tokens_running_acts_and_waiting_events_at_once(
    world: World, action: str
) -> None:
    system, manager = system_of(world), world.browser(MANAGER)
    where, token = f"{HERE}/{system.client_id}", own_token(system)
    acting = system.exchange(token, world.grant().id).tokens().access_token
    assert world.api("GET", "/api/me/products", acting).status_code == 200
    world.write(lambda session: service.send_test_event(session, world.member(MANAGER), system.client_id))
    assert len(waiting(world)) == 1
    assert "これから送ります" in manager.get(HERE).text
    assert manager.submit(f"{where}/{action}").status_code == 303
    assert world.api("GET", "/api/delegations", token).status_code == 401
    assert world.api("GET", "/api/me/products", acting).status_code == 401
    system.token({"grant_type": CLIENT_CREDENTIALS}).expect_error("invalid_client")
    assert waiting(world) == []
    ends = world.read(lambda session: session.scalars(select(ActAsSession.end_reason)).all())
    assert ends == [SessionEnd.LEFT]
    if action == "remove":
        assert manager.get(where).status_code == 404
        assert "登録しているシステムはありません" in manager.get(HERE).text
        return
    page = manager.get(where)
    assert "停止中" in page.text
    assert manager.post(f"{where}/resume", {"csrf_token": _csrf(manager, where)}).status_code == 303
    own_token(system)


def test_a_manager_does_not_undo_what_the_operator_stopped(world: World) -> None:
    system, manager = system_of(world), world.browser(MANAGER)
    where = f"{HERE}/{system.client_id}"
    world.write(
        lambda session: set_client_status(
            session, session.get_one(Client, system.client_id), ClientStatus.DISABLED
        )
    )
    manager.post(f"{where}/resume", {"csrf_token": _csrf(manager, where)})
    assert "運営事務局が停止中" in manager.get(where).text
    system.token({"grant_type": CLIENT_CREDENTIALS}).expect_error("invalid_client")


def test_an_agency_has_no_more_systems_than_its_share(world: World) -> None:
    for number in range(MOST_SYSTEMS):
        system_of(world, client_id=f"system-{number}")
    details = SystemDetails(NAME, audiences=("mypage",), jwks={"keys": [public(new_client_key())]})
    manager = world.member(MANAGER)
    with pytest.raises(TooManySystems):
        world.write(lambda session: service.register_system(session, manager, details, internal_calls=True))
    assert "件までです" in world.browser(MANAGER).get(HERE).text
