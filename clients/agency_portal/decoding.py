"""From the JSON of the server's API to the portal's values.

An answer that lacks a field or makes no sense is the server's fault and not the person's: it becomes the same
calm page as a server that does not answer.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import wraps
from typing import Any, TypeVar
from uuid import UUID

from clients.agency_portal.rules import (
    Agency,
    Assignee,
    Conditions,
    Counts,
    Grant,
    GrantPage,
    GrantState,
    Member,
    Owner,
    Permission,
    Product,
    Services,
    Staff,
    Words,
    effective_state,
)
from clients.relying_party import ProviderUnavailable, clock

V = TypeVar("V")


def _reader(read: Callable[[Mapping[str, Any]], V]) -> Callable[[Mapping[str, Any]], V]:
    @wraps(read)
    def guarded(data: Mapping[str, Any]) -> V:
        try:
            return read(data)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ProviderUnavailable(f"the API's answer has no usable {read.__name__}") from error

    return guarded


@_reader
def agency(data: Mapping[str, Any]) -> Agency:
    """Read the answer of ``GET /api/agency``."""
    member = data["member"]
    return Agency(
        name=str(data["name"]),
        representative_name=str(data["representative_name"]),
        representative_furigana=str(data["representative_furigana"]),
        postal_code=str(data["postal_code"]),
        prefecture=str(data["prefecture"]),
        city=str(data["city"]),
        street=str(data["street"]),
        phone=str(data["phone"]),
        email=str(data["email"]),
        member=Member(
            name=str(member["name"]),
            # Anything but true means no: a button too few does less harm than one too many.
            can_decide=member["can_decide"] is True,
            can_proxy_login=member["can_proxy_login"] is True,
            can_manage=member.get("can_manage") is True,
        ),
    )


@_reader
def conditions(data: Mapping[str, Any]) -> Conditions:
    """Read the answer of ``GET /api/agency/rules``."""
    max_age = data["max_age"]
    return Conditions(
        reason_required=data["reason_required"] is True,
        max_age=None if max_age is None else int(max_age),
        hours=tuple(str(hours) for hours in data["hours"]),
    )


@_reader
def grant(data: Mapping[str, Any]) -> Grant:
    """Read one delegation grant, with or without its products."""
    expires_at = _moment(data["expires_at"])
    state = effective_state(
        GrantState(data["state"]),
        expires_at,
        owner_is_withheld=data["owner"]["email"] is None,
        now=clock.now(),
    )
    shown = state in (GrantState.REQUESTED, GrantState.ACTIVE)
    known = {str(permission) for permission in Permission}
    return Grant(
        id=UUID(data["id"]),
        state=state,
        # A permission that this portal has no words for is neither shown nor asked for.
        permissions=frozenset(Permission(name) for name in data["permissions"] if name in known),
        term_months=int(data["term_months"]),
        requested_at=clock.from_iso(data["requested_at"]),
        decided_at=_moment(data["decided_at"]),
        expires_at=expires_at,
        ended_at=_moment(data["ended_at"]),
        last_used_at=_moment(data["last_used_at"]),
        owner=_owner(data["owner"], hidden=not shown),
        words=tuple(_words(item) for item in data.get("permissions_words", [])),
        all_products=data.get("all_products") is not False,
        products=tuple(_product(item) for item in data.get("products", [])) if shown else (),
        assignee=_assignee(data["assignee"]) if data.get("assignee") else None,
    )


@_reader
def staff(data: Mapping[str, Any]) -> Staff:
    """Read the answer of ``GET /api/agency/staff``."""
    return Staff(
        members=tuple(_assignee({**item, "kind": "member"}) for item in data["members"]),
        groups=tuple(_assignee({**item, "kind": "group"}) for item in data["groups"]),
        assigned_only=data["assigned_only"] is True,
    )


@_reader
def results(data: Mapping[str, Any]) -> dict[UUID, str]:
    """Read what became of each of many: the code of its problem, or nothing where it was done."""
    return {
        UUID(one["id"]): str(one["problem"]["code"]) if one["status"] == "refused" else ""
        for one in data["results"]
    }


@_reader
def assignments(data: Mapping[str, Any]) -> dict[UUID, str]:
    """Read what became of each assignment: why not, or nothing where it was done."""
    return {
        UUID(one["id"]): "" if one["result"] == "assigned" else str(one["result"]) for one in data["results"]
    }


@_reader
def grant_page(data: Mapping[str, Any]) -> GrantPage:
    """Read the answer of ``GET /api/delegations``."""
    counts = data["counts"]
    return GrantPage(
        grants=tuple(grant(item) for item in data["items"]),
        next_cursor=_optional(data["next_cursor"]),
        counts=Counts(
            requested=int(counts["requested"]),
            active=int(counts["active"]),
            suspended=int(counts["suspended"]),
            ended=int(counts["ended"]),
        ),
    )


def _owner(data: Mapping[str, Any], *, hidden: bool) -> Owner:
    """Read the owner; without contact data when it is not to be shown, whatever the server sent."""

    def shown(name: str) -> str | None:
        return None if hidden else _optional(data.get(name))

    return Owner(
        user_id=int(data["user_id"]),
        email=shown("email"),
        name=shown("name"),
        furigana=shown("furigana"),
        prefecture=shown("prefecture"),
        city=shown("city"),
        street=shown("street"),
        registered_at=clock.from_iso(data["registered_at"]),
    )


def _assignee(data: Mapping[str, Any]) -> Assignee:
    return Assignee(
        is_group=data["kind"] == "group",
        id=UUID(data["id"]),
        name=str(data["name"]),
        has_left=data.get("has_left") is True,
    )


def _words(data: Mapping[str, Any]) -> Words:
    return Words(str(data["title"]), str(data["title_en"]))


def _product(data: Mapping[str, Any]) -> Product:
    services = data["services"]
    return Product(
        product_id=int(data["product_id"]),
        model=str(data["model"]),
        serial_number=str(data["serial_number"]),
        remote_serial_number=_optional(data["remote_serial_number"]),
        installation_postal_code=str(data["installation_postal_code"]),
        services=Services(
            watch=services["watch"]["joined"] is True,
            weather_warning=services["weather_warning"]["joined"] is True,
            early_advisory=services["early_advisory"]["joined"] is True,
            ai_control=services["ai_control"]["joined"] is True,
        ),
    )


def _optional(value: object) -> str | None:
    return None if value is None else str(value)


def _moment(value: str | None) -> datetime | None:
    return None if value is None else clock.from_iso(value)
