"""What SQLite and PostgreSQL do alike."""

import os
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import CheckConstraint, Engine, MetaData, func, inspect, select, text, update
from sqlalchemy.exc import IntegrityError

from idp import clock
from idp.db import Base, Database, insert_once, make_engine
from idp.demo import HANAKO
from idp.migrations import runner
from idp.oauth.algorithms import SERVER_SIGNING
from idp.oauth.models import RefreshToken, SigningKey, UsedAssertion
from tests.databases import Databases, on_postgres
from tests.oauth.relying_party import RelyingParty
from tests.world import MANAGER, World


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


@on_postgres
def test_a_lock_that_is_not_had_in_time_is_told_as_busy_and_nothing_is_stored(
    world: World, mypage: RelyingParty
) -> None:
    token = mypage.sign_in().refresh_token
    impatient = make_engine(f"{world.settings.database_url}&options=-c lock_timeout=200ms")
    with world.database.open_session(writes=True) as somebody:
        somebody.execute(update(RefreshToken).values(expires_at=clock.now()))
        world.database = Database(impatient, world.database.sealer)
        answer = mypage.refresh(token).response
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
        assert answer.get_json()["error"] == "temporarily_unavailable"
        somebody.rollback()
    assert mypage.refresh(token).response.status_code == 200


def test_a_text_that_no_database_can_hold_is_the_senders_mistake(world: World) -> None:
    answer = world.browser().client.get("/oauth/authorize?client_id=%00", base_url=world.settings.issuer)
    assert answer.status_code == 400
    page = world.browser(HANAKO).client.get("/oauth/authorize?client_id=mypage&scope=%00&state=%00")
    assert page.status_code == 400


def test_machines_that_migrate_at_once_wait_for_each_other(databases: Databases, tmp_path: Path) -> None:
    url = databases.create("postgres", tmp_path)
    upgrades = [
        subprocess.Popen(
            [sys.executable, "-m", "idp", "db", "upgrade"], env={**os.environ, "IDP_DATABASE_URL": url}
        )
        for _ in range(3)
    ]
    assert [upgrade.wait(60) for upgrade in upgrades] == [0, 0, 0]
    engine = make_engine(url)
    with engine.connect() as connection:
        query = select(SigningKey.alg, SigningKey.state, func.count()).group_by(
            SigningKey.alg, SigningKey.state
        )
        assert sorted(tuple(row) for row in connection.execute(query)) == [
            (alg, state, 1) for alg in sorted(SERVER_SIGNING) for state in ("active", "next")
        ]
    engine.dispose()


def test_a_migrated_database_is_what_the_models_say(database_url: str) -> None:
    engine = make_engine(database_url)
    assert runner.differences(engine) == []
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP INDEX ix_outbox_due")
    assert runner.differences(engine) != []
    engine.dispose()


BEFORE_DELEGATION_WAS_WHOLE = "0003"


def test_a_club_of_an_earlier_version_goes_on_after_its_upgrade(
    world: World, portal: RelyingParty, databases: Databases, database_kind: str, tmp_path: Path
) -> None:
    """Tables that others refer to are made anew on SQLite; nothing may be lost, or refer to nothing."""
    staff = portal.sign_in(MANAGER).access_token
    portal.exchange(staff, world.grant().id).tokens()
    old = make_engine(databases.create(database_kind, tmp_path))
    runner.upgrade(old, BEFORE_DELEGATION_WAS_WHOLE)
    before = _copy_what_both_know(world.database.engine, old)
    assert before["accounts"] > 5
    assert before["delegation_grants"] > 2
    assert before["act_as_sessions"] == 1
    runner.upgrade(old)
    assert runner.differences(old) == []
    with old.connect() as connection:
        after = {name: connection.scalar(text(f'SELECT count(*) FROM "{name}"')) for name in before}  # noqa: S608
        if database_kind == "sqlite":
            assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []
            assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
        titles = connection.scalars(text("SELECT title FROM permissions ORDER BY name")).all()
    assert after == before
    assert titles == ["閲覧のみ", "閲覧と設定変更"]
    old.dispose()


def _copy_what_both_know(new: Engine, old: Engine) -> dict[str, int]:
    """Fill a database of an earlier version, and return how many rows its tables have."""
    tables, counts = MetaData(), dict[str, int]()
    tables.reflect(old)
    with new.connect() as source, old.execution_options(writes=True).begin() as target:
        for table in tables.sorted_tables:
            target.execute(table.delete()) if table.name == "signing_keys" else None
            if table.name == "alembic_version":
                continue
            rows = [dict(row) for row in source.execute(select(table)).mappings()]
            if rows:
                target.execute(table.insert(), rows)
            counts[table.name] = len(rows)
    return counts


def test_what_the_tables_refuse_is_what_the_models_say(world: World) -> None:
    inspector = inspect(world.database.engine)
    for table in Base.metadata.sorted_tables:
        said = sorted(str(one.name) for one in table.constraints if isinstance(one, CheckConstraint))
        found = inspector.get_check_constraints(table.name)
        assert sorted(str(one["name"]) for one in found) == said, table.name
        values = {name for one in found for name in re.findall(r"'(\w+)'", one["sqltext"])}
        wanted = {
            name for one in table.constraints if isinstance(one, CheckConstraint)
            for name in re.findall(r"'(\w+)'", str(one.sqltext))
        }  # fmt: skip
        assert values == wanted, table.name
