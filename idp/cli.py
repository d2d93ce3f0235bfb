"""The ``idp`` command: serve, worker, demo, db, key, client, config, and the operator's own commands."""

import shutil
import sys
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
from sqlalchemy import select, text
from sqlalchemy.exc import ArgumentError, OperationalError, ProgrammingError
from sqlalchemy.orm import Session

from idp import clock
from idp.accounts.people import find_open_agency
from idp.credentials import Sealer
from idp.db import Database, make_engine
from idp.delegation.passing_time import let_time_pass
from idp.demo import OWNERS, PASSWORD, UNCLAIMED, load_large
from idp.demo_postgres import PostgresCannotStart
from idp.demo_processes import (
    DemoCannotStart,
    DemoFolder,
    Ports,
    Processes,
    check_ports,
    open_database,
    open_folder,
    prepare_data,
)
from idp.housekeeping import sweep
from idp.lingering import Lingering
from idp.log import configure_logging
from idp.mail.models import Topic
from idp.mail.worker import THREADS, Job, run_worker, stop_on_signals
from idp.migrations import runner
from idp.oauth import keys
from idp.oauth.backchannel_logout import logout_deliverer, session_end_deliverer
from idp.oauth.models import SigningKey
from idp.operator_cli import GROUPS
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


@click.group()
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
    }
    jobs = [
        Job("let time pass", timedelta(seconds=30), _let_time_pass),
        Job("sweep", timedelta(minutes=10), lambda _session: sweep(database)),
    ]
    run_worker(database, settings, deliverers=deliverers, jobs=jobs, stop=stop_on_signals())


def _let_time_pass(session: Session) -> None:
    let_time_pass(session)


@cli.command()
def config() -> None:
    """List every setting and what it is for."""
    for name, field in Settings.model_fields.items():
        variable = field.alias or f"IDP_{name.upper()}"
        default = repr(field.default) if isinstance(field.default, bool | int) else f"“{field.default}”"
        click.echo(f"{variable}\n    {field.description} Default: {default}")


# --- demo -----------------------------------------------------------------------------------------------


@cli.group()
def demo() -> None:
    """The whole club on this machine, with a cast of owners and agencies."""


_data = click.option("--data", default="demo-data", show_default=True, type=click.Path(path_type=Path),
                     help="Folder for databases, secrets and logs.")  # fmt: skip


_database_kind = click.option("--database", default="sqlite", show_default=True,
                              type=click.Choice(["sqlite", "postgres"]),
                              help="What the server keeps its data in; each kind keeps its own.")  # fmt: skip


@demo.command("run")
@_data
@_database_kind
@click.option("--port", default=8000, show_default=True, help="Port of the authorization server.")
@click.option("--mypage-port", default=8001, show_default=True, help="Port of マイページ.")
@click.option("--portal-port", default=8002, show_default=True, help="Port of the agencies' portal.")
@click.option("--large", is_flag=True, help="Add an agency with 50,000 owners.")
def demo_run(
    data: Path, database: str, port: int, mypage_port: int, portal_port: int, *, large: bool
) -> None:
    """Start everything; Ctrl-C ends everything; the data stays."""
    ports = Ports(port, mypage_port, portal_port)
    check_ports(ports)
    with open_folder(data, on_postgres=database == "postgres") as folder:
        prepare_data(folder, ports)
        if large:
            _load_large(folder, ports)
        _run_until_stopped(folder, ports, large=large)
    click.echo("\nThe demo has ended; its data stays. `make demo` goes on, `make demo-reset` starts afresh.")


def _run_until_stopped(folder: DemoFolder, ports: Ports, *, large: bool) -> None:
    processes, stop = Processes(folder, ports), stop_on_signals()
    try:
        processes.start()
        click.echo(welcome(ports, large=large))
        ended = processes.wait(stop)
        if ended is not None:
            raise DemoCannotStart(
                f"{ended} ended unexpectedly. The end of its log:\n{processes.log_end(ended)}"
            )
    finally:
        processes.stop()


@demo.command("load")
@_data
@_database_kind
@click.option("--large", is_flag=True, help="Add an agency with 50,000 owners.")
def demo_load(data: Path, database: str, *, large: bool) -> None:
    """Only make the databases and the cast."""
    with open_folder(data, on_postgres=database == "postgres") as folder:
        prepare_data(folder, Ports())
        if large:
            _load_large(folder, Ports())


@demo.command("reset")
@_data
def demo_reset(data: Path) -> None:
    """Forget everything that was done in the demo."""
    if (data / "secrets").is_dir():
        shutil.rmtree(data)
    click.echo("The demo starts afresh next time.")


def _load_large(folder: DemoFolder, ports: Ports) -> None:
    database = open_database(folder.settings(ports))
    with unit_of_work(database) as session:
        if find_open_agency(session, "info@ppa-partners.example") is None:
            load_large(session, _progress)
    database.engine.dispose()


def _progress(batches: Iterable[int]) -> Iterable[int]:
    items = list(batches)
    with click.progressbar(items, label="50,000 owners") as bar:
        yield from bar


def welcome(ports: Ports, *, large: bool) -> str:
    """Return what the demo prints once everything answers: addresses, accounts, what to try."""
    idp, mypage, portal = ports.url(ports.idp), ports.url(ports.mypage), ports.url(ports.portal)
    owners = "\n".join(f"    {owner.email:26} {owner.name}  {owner.role}" for owner in OWNERS)
    more = (
        "\n    info@ppa-partners.example    小林 誠   全国PPAパートナーズ株式会社（50,000名のオーナー様）"
        if large
        else ""
    )
    return f"""
  ニチコンオーナーズ倶楽部 is running.

  入口 / club entrance        {idp}/
  マイページ (owners)          {mypage}/
  管理画面 (agencies)          {portal}/agency/login
  送信メール (every mail sent) {idp}/dev/mails

  Everybody's password: {PASSWORD}

  Owners
{owners}
  Agencies
    info@mirai-denko.example     佐藤 健一  株式会社みらい電工（管理者）
    watanabe@mirai-denko.example 渡辺 恵   株式会社みらい電工（承認担当）
    info@sakura-solar.example    中村 桜   さくらソーラー販売{more}
  Serial numbers that nobody has claimed yet: {", ".join(UNCLAIMED[:3])} …

  Five minutes to try (README.md says each step in full; use two browser windows that share no cookies)
    1. Register an agency: {idp}/register/agency with shop@hikari.example; the link is in 送信メール.
    2. Consent as an owner: {mypage}/ as ichiro@owner.example → お客様情報やサービス加入状況を見る
       → 登録情報を変更する, name shop@hikari.example.
    3. Approve in the other window: the link in the newest 送信メール, as shop@hikari.example → 連携を許可
    4. On the same page → 代理ログイン. Then, as the owner, 許可を取り消す: the agency's next click says so.

  Ctrl-C ends everything."""


# --- db, key --------------------------------------------------------------------------------------------


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
@click.argument("alg", type=click.Choice(keys.SIGNING_ALGORITHMS))
def key_rotate(alg: str) -> None:
    """Let the next key sign and publish a new next one."""
    with unit_of_work(_database()) as session:
        minutes = keys.JWKS_KEPT.seconds // 60
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


for group in GROUPS:
    cli.add_command(group)
