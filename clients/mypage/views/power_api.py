"""``GET /api/power``: power data of one day for whoever acts for an owner without a browser.

An agency's own system comes here with an act-as token that is for マイページ. The token is verified, and then
shown to the server, which answers with the products that the owner allowed, if it still stands by it.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

from flask import Blueprint, json, request
from flask.typing import ResponseReturnValue
from flask.wrappers import Response

from clients.mypage.power import compute_day
from clients.mypage.records import Product, read_products
from clients.mypage.rules import find_viewable_days
from clients.mypage.views.reading import READ
from clients.relying_party import ApiTokens, clock
from clients.relying_party.clock import JST

DIGITS = 3
"""Decimal places of a kWh."""


def create_blueprint(tokens: ApiTokens) -> Blueprint:
    """Return the API."""
    blueprint = Blueprint("api", __name__, url_prefix="/api")

    @blueprint.get("/power")
    @tokens.requires(READ)
    def power() -> ResponseReturnValue:
        day = _read_day(request.args.get("day", ""))
        if day is None:
            return _answer({"type": "about:blank", "title": "invalid_parameter", "status": 400,
                            "detail": "day must be a day such as 2026-11-24"}, status=400)  # fmt: skip
        products = read_products(tokens.ask_server("/api/me/products")).all
        return _answer({"day": day.isoformat(), "items": [_item(product, day) for product in products]})

    return blueprint


def _item(product: Product, day: date) -> dict[str, Any]:
    """Return the hours of a day, as far as they have passed; none where 見守りサービス does not cover it."""
    now = clock.now()
    days = find_viewable_days(product.watch_joined_at, now, zone=JST)
    is_viewable = days is not None and days.first <= day <= days.last
    local = now.astimezone(JST)
    passed = local.hour if day == local.date() else 24
    hours = compute_day(product.serial_number, day)[:passed] if is_viewable else ()
    return {
        "product_id": product.product_id, "model": product.model, "serial_number": product.serial_number,
        "available": is_viewable,
        "hours": [
            {name: value if name == "hour" else round(value, DIGITS) for name, value in vars(hour).items()}
            for hour in hours
        ],
    }  # fmt: skip


def _read_day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if day.isoformat() == text and 2000 <= day.year < 2100 else None


def _answer(body: Mapping[str, Any], *, status: int = 200) -> Response:
    kind = "application/json" if status == 200 else "application/problem+json"
    response = Response(json.dumps(body), status=status, content_type=kind)
    response.headers["Cache-Control"] = "no-store"
    return response
