"""APIs of people's own data. Who calls is known from the access token, which ``oauth`` has verified.

Under a delegation grant the token speaks for the owner (``subject``) and names who acts (``actor``). What
such a token reaches is named at each call, so that a new one is closed to it until it is opened.
"""

from uuid import UUID

from flask import Blueprint, jsonify, request
from flask_babel import gettext as _
from pydantic import BaseModel, ConfigDict, StrictBool, ValidationError
from werkzeug.wrappers import Response

from idp import clock
from idp.accounts.models import Account, OwnerProfile, Product
from idp.accounts.people import find_account, get_member_in_good_standing
from idp.accounts.products.service import ChangedBy, change_services, joined_at, list_products
from idp.accounts.rules import MemberRole, NoSuchProduct, NotAnOwner, Service
from idp.unit_of_work import current_session
from idp.web import BearerIdentity, problem, require_scope

blueprint = Blueprint("accounts_api", __name__, url_prefix="/api")


class ServicesChange(BaseModel):
    """Body of a PATCH: services by name, true to join, false to leave; others stay as they are."""

    model_config = ConfigDict(extra="forbid")

    services: dict[Service, StrictBool]


@blueprint.get("/me/profile")
def profile() -> Response:
    """Answer with the owner's data."""
    identity = require_scope(own="profile", act="mypage.read")
    account, owner = _owner(identity.subject)
    return jsonify(
        sub=str(account.id), user_id=owner.user_id, email=account.email, name=account.name,
        furigana=account.furigana, postal_code=owner.postal_code, prefecture=owner.prefecture,
        city=owner.city, street=owner.street, phone=owner.phone, info_sharing=owner.info_sharing,
        registered_at=clock.iso(account.created_at),
    )  # fmt: skip


@blueprint.get("/me/products")
def products() -> Response:
    """Answer with the owner's products; under act with those alone that the permission is about."""
    identity = require_scope(own="products", act="mypage.read")
    account, _profile = _owner(identity.subject)
    products = [one for one in list_products(current_session(), account.id) if identity.sees(one.id)]
    limited = {} if identity.products is None else {"limited": True}
    return jsonify(items=[product_json(product) for product in products], **limited)


@blueprint.patch("/me/products/<uuid:product_id>")
def change_product(product_id: UUID) -> Response:
    """Join or leave services of one product."""
    identity = require_scope(own="products.write", act="mypage.write")
    account, _profile = _owner(identity.subject)
    try:
        wanted = ServicesChange.model_validate_json(request.get_data())
    except ValidationError:
        return problem(
            400,
            "bad_request",
            detail=_('{"services": {"名前": true または false}} を、決められた名前でお送りください。'),
        )
    if not identity.sees(product_id):
        raise NoSuchProduct
    product = change_services(
        current_session(), account.id, product_id=product_id,
        join=frozenset(name for name, join in wanted.services.items() if join),
        leave=frozenset(name for name, join in wanted.services.items() if not join),
        by=_changed_by(identity), now=clock.now(),
    )  # fmt: skip
    return jsonify(product_json(product))


@blueprint.get("/agency")
def agency() -> Response:
    """Answer with the caller's agency and their place in it."""
    identity = require_scope(own="agency.read")
    member = get_member_in_good_standing(current_session(), identity.subject)
    own, role = member.agency, MemberRole(member.role)
    return jsonify(
        id=str(own.id), name=own.name, representative_name=own.representative_name,
        representative_furigana=own.representative_furigana, postal_code=own.postal_code,
        prefecture=own.prefecture, city=own.city, street=own.street, phone=own.phone, email=own.email,
        member={
            "name": member.account.name, "role": role, "can_decide": role.can_decide,
            "can_proxy_login": role.can_proxy_login, "can_manage": role.can_manage,
        },
    )  # fmt: skip


def product_json(product: Product) -> dict[str, object]:
    """Return a product as every API shows it."""
    services = {}
    for service in Service:
        since = joined_at(product, service)
        services[service.value] = {
            "joined": since is not None,
            "joined_at": clock.iso(since) if since else None,
        }
    return {
        "id": str(product.id), "product_id": product.product_id, "model": product.model,
        "serial_number": product.serial_number, "remote_serial_number": product.remote_serial_number,
        "installation_postal_code": product.installation_postal_code, "services": services,
    }  # fmt: skip


def _owner(subject: UUID) -> tuple[Account, OwnerProfile]:
    account = find_account(current_session(), subject)
    if account is None or account.owner is None:
        raise NotAnOwner
    return account, account.owner


def _changed_by(identity: BearerIdentity) -> ChangedBy:
    if not identity.is_acting:
        return ChangedBy(identity.subject, session_id=identity.session_id, client_id=identity.client_id)
    return ChangedBy(
        identity.actor, agency_id=identity.agency_id, grant_id=identity.grant_id,
        session_id=identity.session_id, client_id=identity.client_id,
    )  # fmt: skip
