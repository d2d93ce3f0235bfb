"""What has served its time goes; what explains who did what stays."""

from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import func, select

from idp import clock, housekeeping
from idp.accounts.models import BrowserSession, MailLink
from idp.accounts.staff.models import StaffInvitation
from idp.audit.models import AuditEvent
from idp.delegation.models import Grant
from idp.demo import HANAKO
from idp.oauth.device.models import DeviceRequest
from idp.oauth.models import AuthorizationCode, AuthorizationRequest, RefreshToken, TokenFamily
from tests.oauth.device import begin, decide
from tests.oauth.relying_party import RelyingParty, parties_of
from tests.world import MANAGER, World

PROTOCOL = (AuthorizationRequest, AuthorizationCode, RefreshToken, TokenFamily, DeviceRequest)


def count(world: World, model: type) -> int:
    return world.read(lambda session: session.scalar(select(func.count()).select_from(model))) or 0


@pytest.fixture
def used(world: World, mypage: RelyingParty) -> World:
    """A club in which somebody signed in and let a device in, and somebody left a registration unfinished."""
    mypage.redeem(mypage.code_for(world.browser(HANAKO))).tokens()
    device = begin(parties_of(world)["display"])
    decide(world.browser(HANAKO), device)
    device.poll().tokens()
    world.browser().submit("/register/owner", email="new@owner.example")
    world.browser(MANAGER).submit("/agency/staff/invite", email="new@mirai-denko.example", role="viewer")
    return world


def test_nothing_goes_before_its_time(used: World) -> None:
    before = {model: count(used, model) for model in (*PROTOCOL, MailLink, BrowserSession, StaffInvitation)}
    assert all(before.values())
    housekeeping.sweep(used.database)
    assert {model: count(used, model) for model in before} == before


def test_what_has_served_its_time_goes_and_the_record_stays(used: World) -> None:
    kept = {model: count(used, model) for model in (Grant, AuditEvent)}
    with time_machine.travel(clock.now() + timedelta(days=120), tick=False):
        assert housekeeping.sweep(used.database) > 0
    gone = (*PROTOCOL, MailLink, StaffInvitation)
    assert {model: count(used, model) for model in gone} == dict.fromkeys(gone, 0)
    assert count(used, BrowserSession) == 0
    assert {model: count(used, model) for model in kept} == kept


def test_more_than_one_batch_goes_at_once(used: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(housekeeping, "BATCH", 1)
    for _ in range(3):
        used.browser().submit("/register/owner", email="new@owner.example")
    assert count(used, MailLink) > 1
    with time_machine.travel(clock.now() + timedelta(days=40), tick=False):
        housekeeping.sweep(used.database)
    assert count(used, MailLink) == 0
