"""Commands for an owner on the telephone: who has been there, what runs, and the way to end it.

The operator hears 「きのう知らない人が…」 and asks for the ユーザーID, the address, or name and telephone.
What stands in the columns is in the words that the owner reads, so that it can be read out.
"""

import unicodedata
import uuid
from collections.abc import Sequence
from datetime import datetime
from itertools import islice

import click
from sqlalchemy.orm import Session

from idp import clock
from idp.accounts.models import Account
from idp.accounts.people import find_owners
from idp.accounts.products.service import list_products
from idp.accounts.rules import AccountStatus
from idp.commands.names import operators_database
from idp.delegation import history_words as words
from idp.delegation import proxy_logins, service
from idp.delegation.activities.rules import Action
from idp.delegation.history import ProxyLogin, all_proxy_logins, running_proxy_logins
from idp.delegation.models import Grant
from idp.delegation.rules import GrantState, ProxyLoginUnknown
from idp.oauth.clients import find_apps
from idp.settings import Settings
from idp.unit_of_work import unit_of_work
from idp.web import japanese_date, japanese_time

_STATES = {
    GrantState.REQUESTED: "申請中", GrantState.ACTIVE: "連携中", GrantState.SUSPENDED: "一時停止中",
    GrantState.DENIED: "拒否", GrantState.WITHDRAWN: "取り下げ", GrantState.LAPSED: "申請期限切れ",
    GrantState.REVOKED: "取り消し済み", GrantState.EXPIRED: "期限切れ",
}  # fmt: skip
_MAILS = {"each": "at each", "daily": "once a day", "never": "none"}
Rows = Sequence[Sequence[str]]


@click.group()
def owner() -> None:
    """Owners, for one who is on the telephone."""


@owner.command("show")
@click.argument("who", nargs=-1, required=True)
@click.option("--last", default=10, show_default=True, help="So many of the last proxy logins.")
def owner_show(who: tuple[str, ...], last: int) -> None:
    """Show what runs for an owner, the grants, the last proxy logins, and the command for each next step.

    WHO is the ユーザーID, the address, the telephone number, or the name and then the number.
    """
    now = clock.now()
    with unit_of_work(operators_database(), writes=False) as session:
        person = _owner(session, who)
        _show_person(person)
        products = list_products(session, person.id)
        _section("Products", ("model", "serial number"), [(one.model, one.serial_number) for one in products])
        running = running_proxy_logins(session, person.id, find_apps=find_apps, now=now)
        _section("Going on now", _HEADS, [_line(login, now) for login in running])
        for login in running:
            since = japanese_time(login.session.started_at)
            click.echo(f"  end it:  idp proxy-login end {login.session.id}   ({words.who(login)}, {since})")
        grants = service.grants_of_owner(session, person.id)
        _section(
            "Permissions", ("state", "agency", "until", "last used"), [_grant_line(grant) for grant in grants]
        )
        for grant in grants:
            if GrantState(grant.state).is_open:
                click.echo(f"  end it:  idp delegation end {grant.id}   ({grant.agency.name})")
        _show_logins(session, person, last=last, now=now)
        _show_next(person)


@click.group("proxy-login")
def proxy_login() -> None:
    """Proxy logins, for an owner on the telephone."""


@proxy_login.command("list")
@click.argument("who", nargs=-1, required=True)
@click.option("--last", default=20, show_default=True, help="So many, the newest first.")
def proxy_login_list(who: tuple[str, ...], last: int) -> None:
    """List an owner's proxy logins with what was done and which app confirmed the end.

    WHO is the ユーザーID, the address, the telephone number, or the name and then the number.
    """
    with unit_of_work(operators_database(), writes=False) as session:
        _show_logins(session, _owner(session, who), last=last, now=clock.now())


@proxy_login.command("end")
@click.argument("sid", type=click.UUID)
def proxy_login_end(sid: uuid.UUID) -> None:
    """End a running proxy login at the owner's word; the permission stays."""
    with unit_of_work(operators_database()) as session:
        try:
            ended = proxy_logins.end_by_operator(session, sid)
        except ProxyLoginUnknown as error:
            raise click.ClickException(
                "No such proxy login. `idp owner show WHO` lists what runs for an owner."
            ) from error
        if not ended:
            raise click.ClickException("It has ended already; nothing was changed.")
    click.echo("Ended. Whoever was there is out at the next click, and the app is being told.")
    click.echo("`idp owner show WHO` says when the app has confirmed, and how to end the permission too.")


def _owner(session: Session, who: tuple[str, ...]) -> Account:
    """Return the one owner that is meant."""
    found = find_owners(session, *who[:2]) if len(who) <= 2 else []
    if not found:
        raise click.ClickException(
            "No such owner. Give the ユーザーID (8 digits), the mail address, the telephone number,\n"
            "or the whole name, or its reading, and then the telephone number:\n"
            '  idp owner show 10000001\n  idp owner show "鈴木 花子" 075-123-4567'
        )
    if len(found) > 1:
        named = "\n".join(f"  idp owner show {one.owner.user_id}   {one.name}" for one in found if one.owner)
        raise click.ClickException(f"{len(found)} owners are meant. Ask for the address, then:\n{named}")
    return found[0]


def _show_person(person: Account) -> None:
    profile = person.owner
    assert profile is not None  # noqa: S101 - find_owners finds owners
    click.secho(f"{person.name} 様（{person.furigana}）  ユーザーID {profile.user_id}", bold=True)
    click.echo(
        f"{profile.prefecture}{profile.city}{profile.street}  TEL {profile.phone}  {person.email or '-'}"
    )
    click.echo(f"account {person.status}; mails about proxy logins: {_MAILS[profile.proxy_login_mail]}")


def _show_next(person: Account) -> None:
    assert person.owner is not None  # noqa: S101 - find_owners finds owners
    number = person.owner.user_id
    standing = ("in wrong hands", "suspend")
    if person.status == AccountStatus.SUSPENDED:
        standing = ("lift the suspension", "reinstate")
    click.echo()
    click.secho("Next, if it is wanted", bold=True)
    for what, command in (
        ("further back", f"proxy-login list {number} --last 100"),
        ("what went to agencies", f"disclosure list --owner {number}"),
        (standing[0], f"account {standing[1]} {number}"),
        ("a house was sold", "product transfer SERIAL --to WHO"),
    ):
        click.echo(f"  {what + ':':23} idp {command}")


def _show_logins(session: Session, person: Account, *, last: int, now: datetime) -> None:
    logins = list(islice(all_proxy_logins(session, person.id, find_apps=find_apps), max(0, last)))
    _section("Last proxy logins", _HEADS, [_line(login, now) for login in logins])
    phone = Settings.from_environment().contact_phone
    for login in logins:
        done = [*words.reports(login, Action.VIEWED), *words.reports(login, Action.EXPORTED)]
        facts = [
            ("viewed", "、".join(done)), ("changed", "、".join(words.changes(login))),
            ("ended", words.end(login, now)), ("app", words.confirmation(login, phone=phone)),
        ]  # fmt: skip
        told = [f"    {name:8} {text}" for name, text in facts if text]
        if told:
            click.echo("\n".join([f"  {japanese_time(login.session.started_at)}", *told]))


_HEADS = ("since", "how long", "who", "company", "app", "from where", "reason")


def _line(login: ProxyLogin, now: datetime) -> tuple[str, ...]:
    return (
        japanese_time(login.session.started_at), words.length(login, now), words.who(login),
        login.session.grant.agency.name, login.app.name, words.place(login),
        login.session.reason or "理由の記入なし",
    )  # fmt: skip


def _grant_line(grant: Grant) -> tuple[str, ...]:
    return (
        _STATES[GrantState(grant.state)], grant.agency.name,
        japanese_date(grant.expires_at) if grant.expires_at else "-",
        japanese_time(grant.last_used_at) if grant.last_used_at else "-",
    )  # fmt: skip


def _section(title: str, heads: Sequence[str], rows: Rows) -> None:
    click.echo()
    click.secho(title, bold=True)
    if not rows:
        click.echo("  none")
        return
    for line in in_columns([heads, *rows]):
        click.echo(f"  {line}".rstrip())


def in_columns(rows: Rows) -> list[str]:
    """Return rows whose columns stand below each other: a Japanese character is as wide as two others."""
    widths = [max(_width(row[index]) for row in rows) for index in range(len(rows[0]))]
    return [
        "  ".join(cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True))
        for row in rows
    ]


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


GROUPS = (owner, proxy_login)
