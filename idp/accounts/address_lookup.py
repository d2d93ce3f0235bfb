"""From the postal code to the address: the answer for scripts, and the same by a button without them."""

from dataclasses import dataclass

from flask import Blueprint, Response, jsonify
from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict

from idp.accounts.folding import fold_digits
from idp.accounts.forms import PostalAddressFields
from idp.accounts.postal import Town, find_towns

blueprint = Blueprint("address_lookup", __name__)
DAY = 86_400


@dataclass(frozen=True)
class LookUp:
    """What a form's look-up button did: ``towns`` is what the person must choose from."""

    towns: tuple[Town, ...]


@blueprint.get("/postal-codes/<code>.json")
def towns_of_code(code: str) -> Response:
    """Answer with the towns of a postal code, none for one that does not exist."""
    towns = find_towns(fold_digits(code[:20]))
    answer = jsonify(
        towns=[{"prefecture": town.prefecture, "city": town.city, "town": town.town} for town in towns]
    )
    answer.cache_control.public = True
    answer.cache_control.max_age = DAY
    return answer


def wants_look_up(posted: MultiDict[str, str]) -> bool:
    """Tell whether a form was sent by its look-up button, and not to be taken as finished."""
    return "fill_address" in posted or "choose_town" in posted


def look_up(form: PostalAddressFields, posted: MultiDict[str, str]) -> LookUp:
    """Fill the address fields that are still empty; what was typed is never overwritten.

    The form's errors are cleared: it was not sent to be judged.
    """
    for field in form:
        field.errors = []
    towns = find_towns(form.postal_code.data or "")
    if not towns:
        form.postal_code.errors = [
            _("この郵便番号の住所が見つかりません。お手数ですが、住所をご入力ください。")
        ]
        return LookUp(())
    chosen = posted.get("choose_town", "")
    if chosen.isascii() and chosen.isdigit() and int(chosen) < len(towns):
        _fill(form, towns[int(chosen)])
        return LookUp(())
    if len(towns) == 1:
        _fill(form, towns[0])
    return LookUp(towns if len(towns) > 1 else ())


def _fill(form: PostalAddressFields, town: Town) -> None:
    parts = ((form.prefecture, town.prefecture), (form.city, town.city), (form.street, town.town))
    for field, text in parts:
        if not field.data:
            field.data = text
