"""The command ``idp apply``: one unit of work, or none of it."""

from pathlib import Path

import click
from sqlalchemy.orm import Session

from idp.apply.changes import Change, Kind
from idp.apply.clients import apply_client, apply_permissions, read_client
from idp.apply.people import apply_agency, apply_owner, apply_product
from idp.apply.reading import FileUnusable, Node, Problems, load_file
from idp.apply.scopes import apply_scope
from idp.credentials import Sealer
from idp.db import Database, make_engine
from idp.delegation.permissions.service import PermissionWords
from idp.settings import Settings
from idp.unit_of_work import unit_of_work

SECTIONS = ("scopes", "clients", "products", "owners", "agencies")
_NAMES = {"scopes": "name", "clients": "client_id", "products": "serial_number", "owners": "email",
          "agencies": "email"}  # fmt: skip


class _DryRun(Exception):
    """Ends the unit of work without storing anything."""


def apply_file(session: Session, path: Path) -> list[Change]:
    """Make the database what the file says, and return what that changed.

    :raises FileUnusable: anything is wrong; the unit of work must then not be stored.
    """
    problems = Problems()
    root = Node(load_file(path), "", problems, base=path.parent).only(SECTIONS)
    for section, name in _NAMES.items():
        _check_unique(root, section, name)
    read = [read_client(node) for node in root.children("clients")]
    problems.check()
    changes: list[Change | None] = [apply_scope(session, node) for node in root.children("scopes")]
    problems.check()
    named = [one for one in read if one is not None]
    others: dict[str, PermissionWords] = {}
    changes += [change for one in named for change in apply_permissions(session, one, others)]
    problems.check()
    changes += [apply_client(session, one) for one in named]
    changes += [apply_product(session, node) for node in root.children("products")]
    changes += [apply_owner(session, node) for node in root.children("owners")]
    for node in root.children("agencies"):
        changes += apply_agency(session, node)
    problems.check()
    return [change for change in changes if change is not None]


def _check_unique(root: Node, section: str, name: str) -> None:
    seen: set[str] = set()
    for node in root.children(section):
        value = str(node.values.get(name))
        if value in seen:
            root.problems.add(node.at(name), "stands twice in this file")
        seen.add(value)


@click.command("apply")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--dry-run", is_flag=True, help="Show what would change, and store nothing.")
def apply(file: Path, *, dry_run: bool) -> None:
    """Make scopes, clients, products and people what a YAML or JSON file says; secrets are printed once."""
    settings = Settings.from_environment()
    database = Database(make_engine(settings.database_url), Sealer(settings.encryption_key))
    changes: list[Change] = []
    try:
        with unit_of_work(database) as session:
            changes = apply_file(session, file)
            if dry_run:
                raise _DryRun
    except _DryRun:
        pass
    except FileUnusable as error:
        raise click.ClickException(f"Nothing was stored.\n{error}") from error
    for change in changes:
        click.echo("\n".join(change.lines()))
    counts = [f"{sum(one.kind == kind for one in changes)} {kind}" for kind in Kind]
    click.echo(", ".join(counts) + (" (dry run: nothing was stored)" if dry_run else ""))
    for change in changes:
        if change.secret is not None and not dry_run:
            click.echo(f"secret of {change.what}: {change.secret}")
