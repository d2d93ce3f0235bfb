"""What the server's API says about a customer, as values. What does not have its form is not shown."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from flask_babel import LazyString
from flask_babel import lazy_gettext as _l

from clients.relying_party import ProviderUnavailable
from clients.relying_party.clock import JST, from_iso


class ServiceName(StrEnum):
    """The four services that a product can join, in the order in which pages list them."""

    WATCH = "watch"
    WEATHER_WARNING = "weather_warning"
    EARLY_ADVISORY = "early_advisory"
    AI_CONTROL = "ai_control"

    @property
    def label(self) -> LazyString:
        """The service's name on pages."""
        return LABELS[self]


LABELS = {
    ServiceName.WATCH: _l("見守りサービス"),
    ServiceName.WEATHER_WARNING: _l("気象警報自動制御"),
    ServiceName.EARLY_ADVISORY: _l("早期注意情報自動制御"),
    ServiceName.AI_CONTROL: _l("AI自動制御"),
}


@dataclass(frozen=True, kw_only=True)
class Profile:
    """お客様情報."""

    user_id: int
    email: str
    name: str
    furigana: str
    postal_code: str
    prefecture: str
    city: str
    street: str
    phone: str
    info_sharing: bool


@dataclass(frozen=True, kw_only=True)
class Service:
    """Whether and since when a product has joined a service."""

    name: ServiceName
    joined: bool
    joined_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Product:
    """One registered product."""

    id: str
    product_id: int
    model: str
    serial_number: str
    remote_serial_number: str | None
    installation_postal_code: str
    services: tuple[Service, ...]

    def service(self, name: ServiceName) -> Service:
        """Return one of the four services."""
        return next(service for service in self.services if service.name is name)

    @property
    def watch_joined_at(self) -> datetime | None:
        """Since when 見守りサービス is joined; None while it is not."""
        watch = self.service(ServiceName.WATCH)
        return watch.joined_at if watch.joined else None


@dataclass(frozen=True)
class Products:
    """The products of the person whose page this is."""

    all: tuple[Product, ...]
    limited: bool
    """Whether these are those alone that the owner has chosen for whoever acts."""


@dataclass(frozen=True, kw_only=True)
class Permission:
    """A grant that lets an agency sign in, or asks to."""

    id: str
    agency_name: str
    agency_email: str
    state: str
    last_day: date | None
    """The last day, in Japan, on which it is good; None while nobody has approved it."""


@dataclass(frozen=True, kw_only=True)
class ProxyLogin:
    """Somebody who is signed in for the owner at this moment."""

    sid: str
    agency: str
    who: str
    """The member of staff, or the agency's system."""
    is_person: bool
    app: str
    started_at: datetime


def read_profile(data: Mapping[str, Any]) -> Profile:
    """Read ``GET /api/me/profile``.

    :raises ProviderUnavailable: it has another form.
    """
    try:
        texts = {
            name: str(data[name] or "")
            for name in ("email", "name", "furigana", "postal_code", "prefecture", "city", "street", "phone")
        }
        return Profile(user_id=int(data["user_id"]), info_sharing=bool(data["info_sharing"]), **texts)
    except (KeyError, TypeError, ValueError) as error:
        raise ProviderUnavailable("profile has another form") from error


def read_products(data: Mapping[str, Any]) -> Products:
    """Read ``GET /api/me/products``.

    :raises ProviderUnavailable: it has another form.
    """
    items = data.get("items")
    if not isinstance(items, list):
        raise ProviderUnavailable("products have another form")
    return Products(tuple(read_product(item) for item in items), limited=data.get("limited") is True)


def read_product(data: Mapping[str, Any]) -> Product:
    """Read one product.

    :raises ProviderUnavailable: it has another form.
    """
    try:
        return Product(
            id=str(data["id"]),
            product_id=int(data["product_id"]),
            model=str(data["model"]),
            serial_number=str(data["serial_number"]),
            remote_serial_number=data["remote_serial_number"] and str(data["remote_serial_number"]),
            installation_postal_code=str(data["installation_postal_code"]),
            services=tuple(_read_service(name, data["services"][name.value]) for name in ServiceName),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ProviderUnavailable("a product has another form") from error


def read_permissions(data: Mapping[str, Any]) -> tuple[Permission, ...]:
    """Read ``GET /api/me/delegations``: those that are asked for or in force.

    :raises ProviderUnavailable: it has another form.
    """
    try:
        return tuple(
            Permission(
                id=str(UUID(item["id"])),
                agency_name=str(item["agency"]["name"]),
                agency_email=str(item["agency"]["email"]),
                state=str(item["state"]),
                last_day=_last_day(item["expires_at"]),
            )
            for item in data["items"]
            if item["state"] in {"requested", "active", "suspended"}
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ProviderUnavailable("delegations have another form") from error


def read_running(data: Mapping[str, Any]) -> tuple[ProxyLogin, ...]:
    """Read ``GET /api/me/proxy-logins?running=true``.

    :raises ProviderUnavailable: it has another form.
    """
    try:
        return tuple(
            ProxyLogin(
                sid=str(UUID(item["sid"])),
                agency=str(item["agency"]),
                who=str(item["member"] or item["system"] or ""),
                is_person=bool(item["member"]),
                app=str(item["app"]),
                started_at=from_iso(item["started_at"]).astimezone(JST),
            )
            for item in data["items"]
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ProviderUnavailable("proxy logins have another form") from error


def _last_day(expires_at: str | None) -> date | None:
    """Return the last day before an end, which is exclusive."""
    if not expires_at:
        return None
    return (from_iso(expires_at) - timedelta(microseconds=1)).astimezone(JST).date()


def _read_service(name: ServiceName, data: Mapping[str, Any]) -> Service:
    joined_at = data["joined_at"]
    return Service(
        name=name, joined=bool(data["joined"]), joined_at=from_iso(joined_at) if joined_at else None
    )
