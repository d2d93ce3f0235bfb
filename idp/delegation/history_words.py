"""Proxy logins in the words that owners read: the same on the page, in the file and in the mail."""

from datetime import datetime
from ipaddress import ip_address, ip_network

from flask_babel import get_locale, gettext

from idp.accounts.products.forms import SERVICE_NAMES
from idp.delegation.activities.models import Activity
from idp.delegation.activities.rules import Action
from idp.delegation.apps import App
from idp.delegation.confirmations import Answer
from idp.delegation.history import Change, ProxyLogin
from idp.delegation.permissions.consent_text import step_text
from idp.delegation.rules import SessionEnd
from idp.web import time_words

_INSIDE = [
    ip_network(network)
    for network in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "fc00::/7", "::1/128")
]
"""Networks of houses and companies, which no address of the Internet is in (RFC 1918, RFC 4193)."""


def _(text: str, /, **values: object) -> str:
    """Translate, with a type, which Flask-Babel's own has not."""
    return str(gettext(text, **values))


def who(login: ProxyLogin) -> str:
    """Return the member of staff, or the agency's system."""
    name = login.session.actor_name
    if login.session.member_id is None:
        return _("%(system)s（システム）", system=name or app_name(login.system))
    if login.is_by_system:
        return _("%(name)s さん（システムから）", name=name)
    return _("%(name)s さん", name=name)


def actor(login: ProxyLogin) -> str:
    """Return who it was and for which company."""
    return _("%(agency)s の %(who)s", agency=login.session.grant.agency.name, who=who(login))


def app_name(app: App) -> str:
    """Return an app's name in the language of the page."""
    return app.name if _is_japanese() else app.name_en


def place(login: ProxyLogin) -> str:
    """Return from where it was, as far as a network address says it."""
    address = login.session.address
    if not address:
        return _("記録なし")
    try:
        inside = any(ip_address(address) in network for network in _INSIDE)
    except ValueError:
        inside = False
    if inside:
        return _("社内などのネットワーク（接続元の番号 %(address)s）", address=address)
    return _("インターネット（接続元の番号 %(address)s）", address=address)


def length(login: ProxyLogin, now: datetime) -> str:
    """Return how long it lasted, or has lasted so far."""
    ended_at = login.ended_at(now) or now
    minutes = int((ended_at - login.session.started_at).total_seconds()) // 60
    return _("%(minutes)d分", minutes=minutes) if minutes else _("1分未満")


def end(login: ProxyLogin, now: datetime) -> str:
    """Return when and how it ended; nothing while it runs."""
    ended_at = login.ended_at(now)
    if ended_at is None:
        return ""
    how = {
        SessionEnd.STAFF: _("担当者が終了しました"),
        SessionEnd.SIGNED_OUT: _("販売店・業者様の側で終了しました"),
        SessionEnd.GRANT_ENDED: _("許可の取り消しや停止により終了しました"),
        SessionEnd.TIME_OVER: _("決められた時間が過ぎて終了しました"),
        SessionEnd.OWNER: _("お客様が「今すぐ終了」を押して終了しました"),
        SessionEnd.OPERATOR: _("お電話を受けて事務局が終了しました"),
    }
    words = how[login.end_reason or SessionEnd.TIME_OVER]
    return _("%(time)s %(how)s", time=time_words(ended_at), how=words)


def confirmation(login: ProxyLogin, *, phone: str) -> str:
    """Return whether the app has confirmed the end, and when; nothing where it had not to be told."""
    if login.confirmation is None:
        return ""
    app, at = app_name(login.app), login.confirmation.at
    if login.confirmation.answer is Answer.CONFIRMED and at is not None:
        return _("%(app)s が %(time)s に終了を確認しました", app=app, time=_exact(at))
    if login.confirmation.answer is Answer.WAITING:
        return _("%(app)s の確認を待っています", app=app)
    if login.confirmation.answer is Answer.FAILED:
        return _(
            "%(app)s の確認が取れませんでした。事務局（%(phone)s）へお電話ください", app=app, phone=phone
        )
    return _("%(app)s では、終了から最長5分で使えなくなります", app=app)


def reports(login: ProxyLogin, action: Action) -> list[str]:
    """Return what the app reports of one kind, each thing once however often it was done."""
    return list(dict.fromkeys(_report(one) for one in login.activities if one.action == action))


def changes(login: ProxyLogin) -> list[str]:
    """Return everything that was changed: what this server saw, then what the app reports."""
    seen = [line for change in login.changes for line in _change(change)]
    return seen + reports(login, Action.CHANGED)


def scope(login: ProxyLogin) -> str:
    """Return what it could do at most."""
    named = [step_text(words).title for words in login.allowed]
    return _("、").join(named) or login.session.scope


def _change(change: Change) -> list[str]:
    named = {"model": change.model, "number": change.product_id}
    joined = [
        _("%(model)s（Product ID %(number)s）: %(service)s に加入", service=SERVICE_NAMES[service], **named)
        for service in change.joined
    ]
    return joined + [
        _("%(model)s（Product ID %(number)s）: %(service)s を解約", service=SERVICE_NAMES[service], **named)
        for service in change.left
    ]


def _report(activity: Activity) -> str:
    if not _is_japanese() and activity.description_en:
        return activity.description_en  # the kind of data has a Japanese name alone
    words = activity.description
    return words if activity.item in words else _("%(item)s: %(words)s", item=activity.item, words=words)


def _exact(at: datetime) -> str:
    """Return a moment to the second: the owner waits for it."""
    return f"{time_words(at)}:{at.second:02}"


def _is_japanese() -> bool:
    locale = get_locale()
    return locale is None or locale.language == "ja"
