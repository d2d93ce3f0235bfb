"""The scopes that this server knows, what each is for, and which claims it opens (OIDC Core §5.4).

The maker's other APIs have scopes too, which an operator registers (``api_scopes.py``). What delegation
grants alone can give, such as ``mypage.read``, is registered as well (``delegation.permissions``).
"""

from typing import Any

from idp.accounts.models import Account, OwnerProfile
from idp.oauth.client_metadata import REFRESH_TOKEN
from idp.oauth.models import Client

OPENID, OFFLINE_ACCESS, ACT_AS = "openid", "offline_access", "act_as"

SCOPES: dict[str, str] = {
    "openid": "OpenID Connect sign-in (OIDC Core §3.1.2.1)",
    "profile": "name of the person",
    "email": "e-mail address of the person",
    "address": "postal address of the owner",
    "phone": "telephone number of the owner",
    "offline_access": "refresh tokens that outlive the sign-in (OIDC Core §11)",
    "products": "the owner's products",
    "products.write": "services of the owner's products",
    "agency.read": "data of the signed-in member's agency",
    "delegations.read": "delegation grants: one's own, or those to one's agency",
    "delegations.manage": "answer and end delegation grants to one's agency",
    "act_as": "be the actor in a token exchange",
    "proxy_logins.report": "a relying party reports what was done under a proxy login (client_credentials)",
}
FOR_CLIENTS = frozenset({"proxy_logins.report"})
"""A client has these for itself, by client_credentials: no person can give them, and it gets no others so."""
FOR_SYSTEMS = frozenset({"delegations.read", ACT_AS})
"""Beside a person these are an agency's own system's, for itself and for its agency's grants alone."""
CLAIMS_OF_SCOPE: dict[str, tuple[str, ...]] = {
    "profile": ("name", "name#ja-Kana-JP"),
    "email": ("email", "email_verified"),
    "address": ("address",),
    "phone": ("phone_number", "phone_number_verified"),
}
"""OIDC Core §5.4, as far as this server knows it. Names are kept whole, so there is no ``given_name``."""
PERSON_CLAIMS = frozenset(name for names in CLAIMS_OF_SCOPE.values() for name in names)


def grantable(asked: str, client: Client) -> frozenset[str]:
    """Return what is left of the asked scopes: registered for the client, and a person's to give.

    A client can register known scopes only, and no permission of delegation grants is one. One without
    refresh tokens has nothing to go on with when the person is away (OIDC Core §11).
    """
    scope = frozenset(asked.split()) & client.scopes - FOR_CLIENTS
    return scope if REFRESH_TOKEN in client.grant_types else scope - {OFFLINE_ACCESS}


def claims_opened_by(scope: frozenset[str]) -> frozenset[str]:
    """Return the names of the person's claims that these scopes open."""
    return frozenset(name for one in scope for name in CLAIMS_OF_SCOPE.get(one, ()))


def claims_about(account: Account, names: frozenset[str], *, as_owner: bool) -> dict[str, Any]:
    """Return those of the named claims that are known of a person (OIDC Core §5.1).

    To agencies' apps people are members, at work: their home and their telephone are none of theirs.
    """
    known: dict[str, Any] = {"name": account.name}
    if account.furigana:
        known["name#ja-Kana-JP"] = account.furigana  # OIDC Core §5.2
    if account.email is not None:
        known |= {"email": account.email, "email_verified": True}  # its link was followed
    if as_owner and account.owner is not None:
        known |= _claims_about_home(account.owner)
    return {name: value for name, value in known.items() if name in names}


def _claims_about_home(owner: OwnerProfile) -> dict[str, Any]:
    """Return address (OIDC Core §5.1.1) and telephone number (E.164) of an owner."""
    parts = {"postal_code": owner.postal_code, "region": owner.prefecture, "locality": owner.city,
             "street_address": owner.street}  # fmt: skip
    claims: dict[str, Any] = {}
    if any(parts.values()):
        code = f"〒{owner.postal_code[:3]}-{owner.postal_code[3:]}" if owner.postal_code else ""
        lines = [code, f"{owner.prefecture}{owner.city}", owner.street]
        claims["address"] = {
            "formatted": "\n".join(line for line in lines if line),
            **{name: value for name, value in parts.items() if value}, "country": "JP",
        }  # fmt: skip
    if owner.phone.startswith("0"):
        claims |= {"phone_number": f"+81{owner.phone[1:]}", "phone_number_verified": False}
    return claims
