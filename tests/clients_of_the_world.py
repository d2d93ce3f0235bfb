"""Clients beside マイページ and the portal: other kinds, other agencies, other wishes."""

from dataclasses import replace
from typing import Any

from sqlalchemy.orm import Session

from idp.delegation.permissions.service import PermissionWords, register_permission
from idp.oauth.client_metadata import (
    AUTHORIZATION_CODE,
    DEVICE_CODE,
    REFRESH_TOKEN,
    TOKEN_EXCHANGE,
    ClientMetadata,
)
from idp.oauth.clients import register_client
from idp.oauth.models import SignInPage

SHOP_SECRET = "ock_secret-of-the-shop"
RADIO_SECRET = "ock_secret-of-the-radio"
MYAPP_SECRET = "ock_secret-of-myapp"
PANEL_SECRET = "ock_secret-of-the-panel"
MYAPP_READ = PermissionWords(
    "myapp.read", "見るだけ", "Look only", can=("べつのアプリの記録を見ること",),
    can_en=("See the records of the other app",), cannot=("記録を消すこと",),
    cannot_en=("Delete records",), items=("アプリの記録",), items_en=("Records of the app",),
)  # fmt: skip


def register_more_clients(session: Session, *, rival_key: dict[str, Any]) -> None:
    """Register what the demo lacks.

    shop: confidential, in no proxy login; spa: public, two redirect URIs; native: public, on the loopback
    address; myapp: understands ``act`` and permissions that nobody granted; radio: an audience of the portal
    that does not understand ``act``; rival-portal: the portal of another agency; panel: a confidential device
    that keeps no refresh token and may ask for the tokens of one API.
    """
    code, refresh = AUTHORIZATION_CODE, REFRESH_TOKEN
    register_permission(session, MYAPP_READ)
    for metadata in (
        ClientMetadata(
            client_id="shop", client_name="ショップ", token_endpoint_auth_method="client_secret_post",
            secret=SHOP_SECRET, redirect_uris=("https://shop.example/cb?shop=1",), scope="openid profile",
            grant_types=(code, refresh), post_logout_redirect_uris=("https://shop.example/bye",),
            id_token_signed_response_alg="ES256",
        ),
        ClientMetadata(
            client_id="spa", client_name="アプリ", token_endpoint_auth_method="none",
            redirect_uris=("https://spa.example/cb", "https://spa.example/other"), scope="openid profile",
            grant_types=(code, refresh),
        ),
        ClientMetadata(
            client_id="native", client_name="スマホ", token_endpoint_auth_method="none",
            redirect_uris=("http://127.0.0.1:4321/cb", "http://[::1]:4321/cb"), scope="openid",
        ),
        ClientMetadata(
            client_id="myapp", client_name="べつのアプリ", token_endpoint_auth_method="client_secret_basic",
            secret=MYAPP_SECRET, redirect_uris=("https://myapp.example/cb",), scope="openid",
            act_as_supported=True, act_as_permissions=("myapp.read",),
            localized={"client_name#en": "Other app"},
        ),
        ClientMetadata(
            client_id="radio", client_name="ラジオ", token_endpoint_auth_method="client_secret_basic",
            secret=RADIO_SECRET, redirect_uris=("https://radio.example/cb",), scope="openid",
        ),
        ClientMetadata(
            client_id="rival-portal", client_name="さくらの管理画面",
            token_endpoint_auth_method="private_key_jwt",
            jwks={"keys": [{name: value for name, value in rival_key.items() if name != "d"}]},
            redirect_uris=("https://rival.example/cb",), grant_types=(code, refresh, TOKEN_EXCHANGE),
            scope="openid profile email agency.read delegations.read delegations.manage act_as",
            sign_in_page=SignInPage.AGENCIES, act_as_audiences=("mypage",),
        ),
        ClientMetadata(
            client_id="panel", client_name="操作盤", token_endpoint_auth_method="client_secret_basic",
            secret=PANEL_SECRET, grant_types=(DEVICE_CODE,), scope="openid profile",
            allowed_resources=("https://meter.example/api",),
        ),
    ):  # fmt: skip
        register_client(session, replace(metadata, first_party=True))
