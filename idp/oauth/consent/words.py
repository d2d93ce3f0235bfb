"""What an app asks for, in words that a person reads before allowing it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from flask_babel import get_locale
from flask_babel import lazy_gettext as _l

from idp.oauth.models import Client, SignInPage
from idp.oauth.scopes import CLAIMS_OF_SCOPE, OFFLINE_ACCESS
from idp.web import current_settings

WORDS = {
    "openid": _l("ログインしたご本人を、番号で見分けること"),
    "profile": _l("お名前とフリガナを見ること"),
    "email": _l("メールアドレスを見ること"),
    "address": _l("ご住所を見ること"),
    "phone": _l("電話番号を見ること"),
    "products": _l("お持ちの製品と、サービスの加入状況を見ること"),
    "products.write": _l("製品のサービスに加入したり、やめたりすること"),
    "agency.read": _l("販売店情報を見ること"),
    "delegations.read": _l("ログイン連携の申請と許可の一覧を見ること"),
    "delegations.manage": _l("ログイン連携の申請を許可したり、断ったり、連携を終了したりすること"),
    "act_as": _l("許可をいただいたオーナー様のマイページに、代理ログインすること"),
    OFFLINE_ACCESS: _l("ご本人がいない間（画面を閉じたあと）も、上のことを続けること（最長%(days)s日）"),
}
"""One line for each scope, in the order in which they are shown; ``days`` is how long it may go on."""


@dataclass(frozen=True)
class Asking:
    """Who asks, and for what."""

    name: str
    initial: str
    host: str
    """Where what is allowed goes to; empty for a program on the person's own device."""
    policy_uri: str
    tos_uri: str
    can: tuple[str, ...]
    cannot: tuple[str, ...]


def asking_of(
    client: Client, scope: frozenset[str], claims: frozenset[str], *, api_words: Mapping[str, str],
    redirect_uri: str | None = None,
) -> Asking:  # fmt: skip
    """Return what is shown of an app that gets these scopes and these single claims.

    ``api_words`` are those of the other APIs' scopes, in the language of the page. ``redirect_uri`` is where
    this very answer goes; without one every place that the app registered is named.
    """
    opened = scope | {one for one, names in CLAIMS_OF_SCOPE.items() if claims & set(names)}
    name = localized(client, "client_name") or client.client_id
    days = current_settings().offline_refresh_lifetime // 86400
    own = {one: str(words) % {"days": days} for one, words in WORDS.items()}
    lines = {**own, **api_words}
    lines[OFFLINE_ACCESS] = lines.pop(OFFLINE_ACCESS)  # says 上のこと, so it stands below them
    return Asking(
        name, name[:1], _home_of([redirect_uri] if redirect_uri is not None else client.redirect_uris),
        policy_uri=localized(client, "policy_uri"), tos_uri=localized(client, "tos_uri"),
        can=tuple(words for one, words in lines.items() if one in opened),
        cannot=_cannot(client, opened),
    )  # fmt: skip


def _home_of(uris: Sequence[str]) -> str:
    """Return the hosts of redirect URIs, which cannot be made up as ``client_uri`` can.

    RFC 7591 §5: what a client says of itself may be there to deceive. Anybody can register an address of
    somebody else's beside their own, so no one of several speaks for the others.
    """
    hosts = [urlsplit(uri).netloc for uri in uris if uri.startswith("https://")]
    return " / ".join(dict.fromkeys(hosts))


def _cannot(client: Client, opened: frozenset[str]) -> tuple[str, ...]:
    never = [_l("パスワードを知ること、変えること"), _l("メールアドレスなどの登録情報を変えること")]
    if client.sign_in_page == SignInPage.OWNERS:
        if "products.write" not in opened:
            never.append(_l("製品の設定を変えること"))
        never.append(_l("販売店・業者様にログインを許可すること"))
    return tuple(str(words) for words in never)


def localized(client: Client, name: str) -> str:
    """Return metadata in the language of the page where the client registered it so (RFC 7591 §2.2)."""
    tagged = client.localized.get(f"{name}#{get_locale().language}")
    return tagged or getattr(client, name) or ""
