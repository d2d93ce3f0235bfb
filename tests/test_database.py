"""What SQLite and PostgreSQL do alike."""

from datetime import timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from idp import clock
from idp.db import insert_once
from idp.oauth.models import UsedAssertion
from tests.world import World


def test_a_row_is_inserted_once_and_only_the_first_call_is_told_so(world: World) -> None:
    row = {"client_id": "shop", "jti_digest": "one", "expires_at": clock.now()}
    later = {**row, "expires_at": clock.now() + timedelta(days=1)}
    assert world.write(lambda session: insert_once(session, UsedAssertion, row))
    assert not world.write(lambda session: insert_once(session, UsedAssertion, later))
    assert world.write(lambda session: insert_once(session, UsedAssertion, {**row, "jti_digest": "two"}))
    [kept] = world.read(
        lambda session: [session.get_one(UsedAssertion, {"client_id": "shop", "jti_digest": "one"})]
    )
    assert kept.expires_at == row["expires_at"]


def test_a_row_that_breaks_another_rule_is_an_error_and_not_taken_for_one_that_exists(world: World) -> None:
    row = {"client_id": "shop", "jti_digest": "one"}
    with pytest.raises(IntegrityError):
        world.write(lambda session: insert_once(session, UsedAssertion, row))
