"""The ``claims`` parameter (OIDC Core §5.5): single claims for userinfo and the ID token.

It is read once, when the request is checked; what is kept of it are the members that mean something here.
Claims that this server does not know are ignored (§5.5.1), and a claim that cannot be given is left out,
essential or not; only ``sub`` and an essential ``acr`` can make a request fail.
"""

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Literal

from idp.oauth.models import SignInPage, TokenFamily
from idp.oauth.scopes import PERSON_CLAIMS, claims_about, claims_opened_by

Place = Literal["userinfo", "id_token"]
PLACES: tuple[Place, ...] = ("userinfo", "id_token")
Claims = dict[str, dict[str, Any]]
MOST_CLAIMS = 100


class Member(StrEnum):
    """What may be said of a claim (§5.5.1)."""

    ESSENTIAL = "essential"
    VALUE = "value"
    VALUES = "values"


class ClaimsMalformed(Exception):
    """The parameter cannot be read; the message is fixed ASCII for the developer."""


def read_claims(text: str) -> Claims:
    """Return the parameter, checked, without what means nothing here.

    :raises ClaimsMalformed: it is no JSON object of the form of §5.5.
    """
    try:
        asked = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ClaimsMalformed("claims must be a JSON object (OIDC Core 5.5)") from error
    if not isinstance(asked, dict):
        raise ClaimsMalformed("claims must be a JSON object (OIDC Core 5.5)")
    kept: Claims = {}
    for place in PLACES:
        members = asked.get(place)
        if members is None:
            continue
        if not isinstance(members, dict) or len(members) > MOST_CLAIMS:
            raise ClaimsMalformed("userinfo and id_token in claims must be objects of at most 100 members")
        kept[place] = {name: _read_member(member) for name, member in members.items()}
    return kept


def _read_member(member: object) -> dict[str, Any]:
    if member is None:
        return {}
    if not isinstance(member, dict):
        raise ClaimsMalformed("each claim must be null or an object (OIDC Core 5.5.1)")
    if not isinstance(member.get(Member.ESSENTIAL, False), bool):
        raise ClaimsMalformed("essential must be true or false (OIDC Core 5.5.1)")
    if not isinstance(member.get(Member.VALUES, []), list):
        raise ClaimsMalformed("values must be a list (OIDC Core 5.5.1)")
    kept: dict[str, Any] = {name: member[name] for name in Member if name in member}
    # Values count for sub and acr alone, which are texts; whatever else is sent is not stored.
    if Member.VALUE in kept:
        kept[Member.VALUE] = _text_of(kept[Member.VALUE])
    if Member.VALUES in kept:
        kept[Member.VALUES] = [_text_of(value) for value in kept[Member.VALUES]]
    return kept


def _text_of(value: object) -> str:
    """Return a value, or the empty text, which nothing is, for what is no text."""
    return value if isinstance(value, str) else ""


def within(claims: Claims, scope: frozenset[str]) -> Claims:
    """Return the parameter without claims of a person that no scope of the client's registration opens.

    What an operator does not let a client ask for by scope, it cannot ask for by name.
    """
    beyond = PERSON_CLAIMS - claims_opened_by(scope)
    return {
        place: {name: member for name, member in members.items() if name not in beyond}
        for place, members in claims.items()
    }


def requested(family: TokenFamily, place: Place) -> frozenset[str]:
    """Return the names of the person's claims that were asked for one by one at this place."""
    return names_in(family.claims or {}, place) & claims_opened_by(family.client.scopes)


def requested_claims(family: TokenFamily, place: Place) -> dict[str, Any]:
    """Return the claims themselves, as they are now."""
    as_owner = family.client.sign_in_page == SignInPage.OWNERS
    return claims_about(family.account, requested(family, place), as_owner=as_owner)


def names_in(claims: Claims, *places: Place) -> frozenset[str]:
    """Return the names of the person's claims in a checked parameter, at these places or at all of them."""
    asked = {name for place in (places or PLACES) for name in claims.get(place, {})}
    return frozenset(asked & PERSON_CLAIMS)


def required_sub(claims: Claims) -> frozenset[str]:
    """Return the values that ``sub`` may have (§5.5.1); empty where nothing is said about it."""
    members = [claims[place]["sub"] for place in PLACES if "sub" in claims.get(place, {})]
    allowed = [_values_of(member) for member in members]
    named = [values for values in allowed if values]
    return frozenset.intersection(*named) or frozenset({""}) if named else frozenset()


def is_acr_within_reach(claims: Claims, acr: str) -> bool:
    """Tell whether an essential ``acr`` can be met (§5.5.1.1); a voluntary one never stands in the way."""
    members = [claims.get(place, {}).get("acr", {}) for place in PLACES]
    essential = [_values_of(member) for member in members if member.get(Member.ESSENTIAL)]
    return all(not values or acr in values for values in essential)


def _values_of(member: Mapping[str, Any]) -> frozenset[str]:
    values = [*member.get(Member.VALUES, []), *([member[Member.VALUE]] if Member.VALUE in member else [])]
    return frozenset(_text_of(value) for value in values)
