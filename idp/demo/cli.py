"""``idp demo``: the club of the demo, run, loaded or forgotten."""

import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

import click

from idp.accounts.people import find_open_agency
from idp.demo import OWNERS, PASSWORD, UNCLAIMED
from idp.demo.large import load_large
from idp.demo.processes import (
    DemoCannotStart,
    DemoFolder,
    Ports,
    Processes,
    check_ports,
    open_database,
    open_folder,
    prepare_data,
)
from idp.demo.systems import LISTENS_AT, REPORT
from idp.mail.worker import stop_on_signals
from idp.unit_of_work import unit_of_work


@click.group()
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
        click.echo(welcome(ports, data=folder.path, large=large))
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


def welcome(ports: Ports, *, data: Path, large: bool) -> str:
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
    ogawa@mirai-denko.example    小川 健   株式会社みらい電工（代理ログイン担当）
    ishii@mirai-denko.example    石井 直美 株式会社みらい電工（閲覧のみ）
    info@sakura-solar.example    中村 桜   さくらソーラー販売{more}
  Serial numbers that nobody has claimed yet: {", ".join(UNCLAIMED[:3])} …

  Five minutes to try (README.md says each step in full; use two browser windows that share no cookies)
    1. Register an agency: {idp}/register/agency with shop@hikari.example; the link is in 送信メール.
    2. Consent as an owner: {mypage}/ as ichiro@owner.example → お客様情報やサービス加入状況を見る
       → 登録情報を変更する, name shop@hikari.example.
    3. Approve in the other window: the link in the newest 送信メール, as shop@hikari.example → 連携を許可
    4. On the same page → 代理ログイン. Then, as the owner, 許可を取り消す: the agency's next click says so.

  みらい電工's own system reads power data at night for owners who allow it (docs/guides/agency-system.md)
    {_report_command(ports, data)}
    The same with --listen {LISTENS_AT} takes the server's events: 許可を取り消す, and the data is gone.

  Ctrl-C ends everything."""


def _report_command(ports: Ports, data: Path) -> str:
    """Return the command that runs the report beside this demo."""
    moved = "" if ports == Ports() else f" --issuer {ports.url(ports.idp)} --mypage {ports.url(ports.mypage)}"
    key, folder = data / "secrets" / "report_key", data / "reports"
    start = f"{sys.executable} -m clients.nightly_report --client-id {REPORT}"
    return f"{start} --key-file {key} --folder {folder}{moved}"
