"""The ``idp`` command: serve, worker, demo, db, key, client, config, and the operator's own commands."""

import sys
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import click
from sqlalchemy import select, text
from sqlalchemy.exc import ArgumentError, OperationalError, ProgrammingError
from sqlalchemy.orm import Session

from idp import clock, commands
from idp.apply.command import apply
from idp.audit.seals import seal
from idp.credentials import Sealer
from idp.db import Database, make_engine
from idp.delegation.daily_mails import send_daily_mails
from idp.delegation.disclosures.service import erase_old
from idp.delegation.passing_time import let_time_pass
from idp.delegation.reminders import send_reminders
from idp.delegation.search_index import keep_up
from idp.demo.cli import demo
from idp.demo.postgres import PostgresCannotStart
from idp.demo.processes import DemoCannotStart
from idp.housekeeping import sweep
from idp.lingering import Lingering
from idp.log import configure_logging
from idp.mail.models import Topic
from idp.mail.worker import THREADS, Job, run_worker, stop_on_signals
from idp.migrations import runner
from idp.oauth import keys
from idp.oauth.algorithms import SERVER_SIGNING
from idp.oauth.backchannel_logout import logout_deliverer, session_end_deliverer
from idp.oauth.clients import find_apps
from idp.oauth.models import SigningKey
from idp.oauth.systems.events import grant_change_deliverer, security_event_deliverer
from idp.settings import Settings, SettingsRefused
from idp.unit_of_work import unit_of_work

LONGEST_REQUEST_LINE = 72 * 1024
"""Bytes: parameters of 64 KiB and their address. gunicorn allows no more than 8190, and would answer a longer
request of a relying party with a page of its own, where the protocol has an error to send back."""


def main() -> None:
    """Run the command; what goes wrong becomes one sentence and exit status 1, not a traceback."""
    try:
        cli(standalone_mode=True)
    except (SettingsRefused, DemoCannotStart, PostgresCannotStart) as error:
        told = str(error)
    except ArgumentError:
        told = (
            "IDP_DATABASE_URL must be like sqlite:///idp.sqlite3 or postgresql://user:password@host/database."
        )
    except (OperationalError, ProgrammingError) as error:  # not reached, or without our tables
        told = (
            f"The database cannot be used: {str(error.orig).strip()}. "
            "Is IDP_DATABASE_URL right, and did you run `idp db upgrade`?"
        )
    click.echo(told, err=True)
    sys.exit(1)


_EPILOG = (
    "An owner is on the telephone: `idp owner show WHO` shows what runs, who was there, and the command "
    "for each next step. Its times, and those of every list for operators, are Japan's."
)


@click.group(epilog=_EPILOG)
def cli() -> None:
    """The identity provider of the owners' club."""


def _settings() -> Settings:
    return Settings.from_environment()


def _database(*, threads: int = 1) -> Database:
    settings = _settings()
    engine = make_engine(settings.database_url, threads=threads)
    click.get_current_context().call_on_close(engine.dispose)
    return Database(engine, Sealer(settings.encryption_key))


def _migrated_database(*, threads: int) -> Database:
    database = _database(threads=threads)
    if not runner.is_up_to_date(database.engine):
        raise click.ClickException("The database is not up to date. Run `idp db upgrade` first.")
    database.engine.dispose()  # no connection may be shared with the processes that are forked from here
    return database


@cli.command()
@click.option("--bind", default="127.0.0.1:8000", show_default=True, help="Address and port.")
@click.option("--workers", default=2, show_default=True, help="Worker processes.")
@click.option("--threads", default=4, show_default=True, help="Threads of each worker.")
def serve(bind: str, workers: int, threads: int) -> None:
    """Serve the application with gunicorn."""
    from gunicorn.app.base import BaseApplication
    from gunicorn.http import message

    from idp.app import create_app

    message.MAX_REQUEST_LINE = LONGEST_REQUEST_LINE
    settings, database = _settings(), _migrated_database(threads=threads)
    configure_logging(as_json=not settings.is_development)
    app = create_app(settings, database)
    shared_memory = Path("/dev/shm")  # noqa: S108 - gunicorn's heartbeat must not wait for a disk
    chosen = {
        "bind": bind, "workers": workers, "threads": threads, "graceful_timeout": 10, "loglevel": "warning",
        "proc_name": "idp", "control_socket_disable": True, "limit_request_line": LONGEST_REQUEST_LINE,
        # Only idp/forwarded.py decides whom to believe; gunicorn would believe 127.0.0.1 and Unix sockets.
        "forwarded_allow_ips": "", "secure_scheme_headers": {}, "forwarder_headers": "",
        **({"worker_tmp_dir": str(shared_memory)} if shared_memory.is_dir() else {}),
    }  # fmt: skip

    class Server(BaseApplication):  # type: ignore[misc]  # gunicorn is untyped
        def load_config(self) -> None:
            for name, value in chosen.items():
                self.cfg.set(name, value)

        def load(self) -> Any:
            return Lingering(app)

    Server().run()


@cli.command()
def worker() -> None:
    """Deliver mails and logout calls, and let requests lapse and terms end, until stopped."""
    settings, database = _settings(), _migrated_database(threads=THREADS)
    configure_logging(as_json=not settings.is_development)
    deliverers = {
        Topic.BACKCHANNEL_LOGOUT: logout_deliverer(database, settings),
        Topic.SESSION_ENDED: session_end_deliverer(database),
        Topic.GRANT_CHANGED: grant_change_deliverer(),
        Topic.SECURITY_EVENT: security_event_deliverer(database, settings),
    }
    erase = partial(erase_old, years=settings.disclosure_record_years)
    daily = partial(send_daily_mails, find_apps=find_apps, hour=settings.daily_mail_hour)
    jobs = [
        Job("let time pass", timedelta(seconds=30), _let_time_pass),
        Job("send daily mails", timedelta(minutes=1), daily),
        Job("send reminders", timedelta(minutes=5), partial(_send_reminders, settings)),
        Job("keep lists", timedelta(seconds=2), lambda _session: keep_up(database)),
        Job("seal the audit log", timedelta(minutes=1), partial(_seal_audit_log, settings.encryption_key)),
        Job("sweep", timedelta(minutes=10), lambda _session: sweep(database)),
        Job("erase disclosures", timedelta(minutes=10), erase),
    ]
    run_worker(database, settings, deliverers=deliverers, jobs=jobs, stop=stop_on_signals())


def _seal_audit_log(key: str, session: Session) -> None:
    seal(session, key)


def _let_time_pass(session: Session) -> None:
    let_time_pass(session)


def _send_reminders(settings: Settings, session: Session) -> None:
    send_reminders(
        session, request_notice=timedelta(days=settings.request_reminder_days),
        term_notice=timedelta(days=settings.term_reminder_days),
    )  # fmt: skip


@cli.command()
def config() -> None:
    """List every setting and what it is for."""
    for name, field in Settings.model_fields.items():
        variable = field.alias or f"IDP_{name.upper()}"
        default = repr(field.default) if isinstance(field.default, bool | int) else f"“{field.default}”"
        click.echo(f"{variable}\n    {field.description} Default: {default}")


@cli.group()
def db() -> None:
    """The database."""


@db.command("upgrade")
def db_upgrade() -> None:
    """Bring the database up to date and make missing signing keys."""
    database = _database()
    runner.upgrade(database.engine)
    with unit_of_work(database) as session:
        keys.ensure_keys(session)
    click.echo("The database is up to date.")


@db.command("revision", hidden=True)
@click.argument("message")
def db_revision(message: str) -> None:
    """Write a migration from the models (for developers)."""
    runner.write_revision(_database().engine, message)


@db.command("check")
def db_check() -> None:
    """Say whether the database has what the program expects."""
    database = _database()
    with unit_of_work(database, writes=False) as session:
        session.execute(text("SELECT 1"))
    if found := runner.differences(database.engine):
        raise click.ClickException(f"{len(found)} differences; run `idp db upgrade`.")
    click.echo("The database is as expected.")


@cli.group()
def key() -> None:
    """Signing keys."""


@key.command("list")
def key_list() -> None:
    """List keys and their states."""
    with unit_of_work(_database(), writes=False) as session:
        for row in session.scalars(select(SigningKey).order_by(SigningKey.alg, SigningKey.created_at)):
            click.echo(f"{row.kid}  {row.alg}  {row.state:8}  {clock.iso(row.created_at)}")


@key.command("rotate")
@click.argument("alg", type=click.Choice(SERVER_SIGNING))
def key_rotate(alg: str) -> None:
    """Let the next key sign and publish a new next one."""
    with unit_of_work(_database()) as session:
        minutes = -(-keys.KNOWN_TO_ALL.seconds // 60)
        click.echo(
            f"{keys.rotate(session, alg)} signs {alg} as soon as it has been published for {minutes} minutes."
        )


@key.command("withdraw")
@click.argument("kid")
def key_withdraw(kid: str) -> None:
    """Take a compromised key out of use at once: what it signed is refused within seconds."""
    with unit_of_work(_database()) as session:
        if not keys.withdraw(session, kid):
            raise click.ClickException(f"There is no key {kid} in use. `idp key list` lists them.")
    click.echo(f"{kid} is withdrawn.")


for group in (demo, apply, *commands.GROUPS):
    cli.add_command(group)
for group, command in commands.COMMANDS:
    group.add_command(command)
