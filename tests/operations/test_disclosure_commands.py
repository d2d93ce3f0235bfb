"""The operator reads and exports records of disclosures, for whoever asks by telephone or letter."""

import csv
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from idp.audit.events import Event
from idp.cli import cli
from idp.delegation.disclosures.models import Disclosure
from idp.demo import HANAKO, MIRAI
from tests.world import World

Run = Callable[..., Result]


@pytest.fixture
def idp(world: World, monkeypatch: pytest.MonkeyPatch) -> Run:
    for name in ("issuer", "database_url", "secret_key", "encryption_key"):
        monkeypatch.setenv(f"IDP_{name.upper()}", getattr(world.settings, name))
    return lambda *arguments: CliRunner().invoke(cli, list(arguments))


def test_the_operator_lists_and_exports_what_went_to_whom_and_the_export_is_audited(
    idp: Run,
    world: World,
    tmp_path: Path,
) -> None:
    told = idp("disclosure", "list", "--owner", HANAKO.email.upper())
    assert told.exit_code == 0, told.output
    assert f"{HANAKO.name} -> {MIRAI.name}" in told.output
    file, agency_id = tmp_path / "records.csv", world.agency(MIRAI).id
    exported = idp("disclosure", "export", "--agency", str(agency_id), "--from", "2020-01-01", str(file))
    assert exported.exit_code == 0, exported.output
    header, *rows = csv.reader(StringIO(file.read_bytes().decode("utf-8-sig"), newline=""))
    assert {row[header.index("提供先の名称")] for row in rows} == {MIRAI.name}
    noted = world.events()[-1]
    assert (noted.event, noted.agency_id, noted.data) == (
        Event.DISCLOSURES_EXPORTED, agency_id, {"count": len(rows)}
    )  # fmt: skip
    assert len(rows) < world.count(Disclosure)


def test_the_operator_is_told_what_is_missing(idp: Run, tmp_path: Path) -> None:
    assert "Name an owner with --owner" in idp("disclosure", "list").output
    assert "No account has this" in idp("disclosure", "list", "--owner", "nobody@x.example").output
    unknown = "3e7f6519-4e18-4871-b0f2-250d26e757fd"
    assert "No such agency" in idp("disclosure", "export", "--agency", unknown, str(tmp_path / "x")).output
