"""電力データを見る: generation, storage and use of one day."""

from datetime import date, timedelta
from uuid import UUID

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from clients.mypage import chart
from clients.mypage.power import compute_day, find_system, total
from clients.mypage.rules import find_viewable_days, opens_at
from clients.mypage.views.reading import READ, WRITE, get_product, load_products
from clients.mypage.views.telling import tell_of_power, tell_of_products
from clients.relying_party import RelyingParty, clock
from clients.relying_party.clock import JST

ONE_DAY = timedelta(days=1)


def create_blueprint(rp: RelyingParty) -> Blueprint:
    """Return the pages ``/power`` (which product?) and ``/products/<id>/power``."""
    blueprint = Blueprint("power", __name__)

    @blueprint.get("/power")
    @rp.requires_permission(READ)
    def choose() -> ResponseReturnValue:
        products = load_products(rp)
        if len(products.all) == 1:
            return redirect(url_for("power.show", product_id=products.all[0].id), code=303)
        tell_of_products(rp)
        return render_template("mypage/power_choose.html", products=products.all, limited=products.limited)

    @blueprint.get("/products/<uuid:product_id>/power")
    @rp.requires_permission(READ)
    def show(product_id: UUID) -> ResponseReturnValue:
        return _show(rp, product_id)

    return blueprint


def _show(rp: RelyingParty, product_id: UUID) -> ResponseReturnValue:
    product = get_product(rp, product_id)
    now = clock.now()
    joined_at = product.watch_joined_at
    days = find_viewable_days(joined_at, now, zone=JST)
    if days is None:
        return render_template(
            "mypage/power_closed.html",
            product=product,
            opens_at=opens_at(joined_at, JST) if joined_at else None,
            may_write=rp.get_session().may(WRITE),
        )
    asked = request.args.get("day", "")
    wanted = _read_day(asked)
    day = days.nearest(wanted) if wanted else days.last
    local = now.astimezone(JST)
    passed = local.hour if day == local.date() else 24
    hours = compute_day(product.serial_number, day)[:passed]
    tell_of_power(rp, product)
    return render_template(
        "mypage/power.html",
        product=product,
        system=find_system(product.serial_number),
        day=day,
        days=days,
        is_another=asked != "" and wanted != day,
        previous_day=day - ONE_DAY if day > days.first else None,
        next_day=day + ONE_DAY if day < days.last else None,
        hours=hours,
        totals=total(hours),
        chart=chart.draw(hours),
    )


def _read_day(text: str) -> date | None:
    """Return the day that an address names; None where that is no day."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
