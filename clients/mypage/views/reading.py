"""What several pages read from the server, and refuse in the same way."""

from werkzeug.exceptions import NotFound

from clients.mypage.records import (
    Permission,
    Product,
    Products,
    ProxyLogin,
    read_permissions,
    read_products,
    read_running,
)
from clients.relying_party import RelyingParty

READ = "mypage.read"
"""Permission to see the owner's data and products (閲覧)."""
WRITE = "mypage.write"
"""Permission to change settings of products (設定変更)."""


def load_products(rp: RelyingParty) -> Products:
    """Return the products of the person whose page this is; under act those alone that may be seen."""
    return read_products(rp.api("GET", "/api/me/products").object)


def get_product(rp: RelyingParty, product_id: object) -> Product:
    """Return one of the person's own products.

    :raises NotFound: there is no such product, or it is somebody else's; both look the same.
    """
    for product in load_products(rp).all:
        if product.id == str(product_id):
            return product
    raise NotFound


def find_permissions(rp: RelyingParty) -> tuple[Permission, ...] | None:
    """Return the owner's grants; None for an agency, which learns nothing of the others."""
    if not _is_the_owners(rp):
        return None
    return read_permissions(rp.api("GET", "/api/me/delegations").object)


def find_running(rp: RelyingParty) -> tuple[ProxyLogin, ...]:
    """Return who is signed in for the owner now; nothing for an agency."""
    if not _is_the_owners(rp):
        return ()
    return read_running(rp.api("GET", "/api/me/proxy-logins", params={"running": "true"}).object)


def _is_the_owners(rp: RelyingParty) -> bool:
    session = rp.get_session()
    return session.act is None and "delegations.read" in session.scope
