"""The cast: owners, agencies, products, clients and grants that the demo shows and the tests play with.

Everything is made through the slices' own functions where one exists, so that the cast cannot be in a
state that real people could not reach.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from idp import clock, credentials
from idp.accounts.models import Account, Agency, Member, OwnerProfile, Product
from idp.accounts.rules import AccountStatus, AgencyStatus, MemberRole
from idp.db import sealer_of
from idp.delegation import service as delegation
from idp.delegation.models import Grant
from idp.delegation.passing_time import let_time_pass
from idp.delegation.permissions.service import register_permission
from idp.delegation.rules import READ, WRITE
from idp.delegation.service import Consent
from idp.demo.permissions import MYPAGE_PERMISSIONS
from idp.oauth.client_metadata import (
    AUTHORIZATION_CODE,
    CLIENT_CREDENTIALS,
    DEVICE_CODE,
    REFRESH_TOKEN,
    TOKEN_EXCHANGE,
    ClientMetadata,
)
from idp.oauth.clients import change_client, register_client
from idp.oauth.keys import ensure_keys
from idp.oauth.models import Client, SignInPage
from idp.settings import Settings

PASSWORD = "hidamari-denchi-2026"  # noqa: S105 - the demo prints it
MYPAGE_SCOPE = "openid profile email products products.write delegations.read proxy_logins.report"
DISPLAY_SCOPE = "openid profile products offline_access"
PORTAL_SCOPE = "openid profile email agency.read delegations.read delegations.manage act_as"


@dataclass(frozen=True)
class OwnerPart:
    """An owner of the cast."""

    email: str
    name: str
    furigana: str
    user_id: int
    postal_code: str
    prefecture: str
    city: str
    street: str
    phone: str
    serials: tuple[str, ...]
    role: str
    """What this person is in the cast for, as the demo prints it."""


@dataclass(frozen=True)
class MemberPart:
    """A member of an agency of the cast."""

    email: str
    name: str
    furigana: str
    role: MemberRole


@dataclass(frozen=True)
class AgencyPart:
    """An agency of the cast; its first member registered it."""

    name: str
    email: str
    postal_code: str
    prefecture: str
    city: str
    street: str
    phone: str
    members: tuple[MemberPart, ...]


HANAKO = OwnerPart(
    "hanako@owner.example", "鈴木 花子", "スズキ ハナコ", 10000001, "6040845", "京都府", "京都市中京区",
    "烏丸通御池上る1-2", "0751234567", ("HC-A10001WN1",),
    "連携中（閲覧と設定変更）、製品1台、代理ログイン3回",
)  # fmt: skip
ICHIRO = OwnerPart(
    "ichiro@owner.example", "田中 一郎", "タナカ イチロウ", 10000002, "1000001", "東京都", "千代田区",
    "千代田1-1", "0312345678", ("HC-A10002WN1", "HC-A10003WN1", "HC-B20001WN1"),
    "申請中、製品3台（うち1台は別の会社と連携中）",
)  # fmt: skip
SETSUKO = OwnerPart(
    "setsuko@owner.example", "高橋 節子", "タカハシ セツコ", 10000003, "5300001", "大阪府", "大阪市北区",
    "梅田3-1-3", "0661234567", ("HC-A10004WN1",), "拒否された申請",
)  # fmt: skip
TADASHI = OwnerPart(
    "tadashi@owner.example", "伊藤 正", "イトウ タダシ", 10000004, "4600001", "愛知県", "名古屋市中区",
    "三の丸2-5-1", "0521234567", ("HC-A10005WN1",), "期間が終了した許可",
)  # fmt: skip
MINORU = OwnerPart(
    "minoru@owner.example", "山本 実", "ヤマモト ミノル", 10000005, "9800811", "宮城県", "仙台市青葉区",
    "一番町1-1-1", "0221234567", (), "製品も許可もまだない",
)  # fmt: skip
OWNERS = (HANAKO, ICHIRO, SETSUKO, TADASHI, MINORU)

MIRAI = AgencyPart(
    "株式会社みらい電工", "info@mirai-denko.example", "6008216", "京都府", "京都市下京区", "東塩小路町8-3",
    "0757654321",
    (
        MemberPart("info@mirai-denko.example", "佐藤 健一", "サトウ ケンイチ", MemberRole.MANAGER),
        MemberPart("watanabe@mirai-denko.example", "渡辺 恵", "ワタナベ メグミ", MemberRole.APPROVER),
    ),
)  # fmt: skip
SAKURA = AgencyPart(
    "さくらソーラー販売", "info@sakura-solar.example", "1500002", "東京都", "渋谷区", "渋谷2-21-1",
    "0337654321",
    (MemberPart("info@sakura-solar.example", "中村 桜", "ナカムラ サクラ", MemberRole.MANAGER),),
)  # fmt: skip
PPA = AgencyPart(
    "全国PPAパートナーズ株式会社", "info@ppa-partners.example", "1000005", "東京都", "千代田区",
    "丸の内1-9-1", "0398765432",
    (MemberPart("info@ppa-partners.example", "小林 誠", "コバヤシ マコト", MemberRole.MANAGER),),
)  # fmt: skip
AGENCIES = (MIRAI, SAKURA)

MODELS = {"HC-A": "ESS-U4X1", "HC-B": "ESS-T5M1"}
UNCLAIMED = tuple(f"HC-A3{number:04}WN1" for number in range(1, 41))
"""Serial numbers that a new owner can claim."""


@dataclass(frozen=True)
class ClientSecrets:
    """What the relying parties of the demo authenticate with."""

    mypage_secret: str
    portal_public_jwk: dict[str, Any]


def load_cast(session: Session, settings: Settings, secrets: ClientSecrets) -> None:
    """Fill an empty, migrated database with the cast."""
    ensure_keys(session)
    register_clients(session, settings, secrets)
    password_hash = credentials.hash_password(PASSWORD, sealer_of(session))
    make_products(session)
    agencies = {part: make_agency(session, part, password_hash) for part in AGENCIES}
    owners = {part: make_owner(session, part, password_hash) for part in OWNERS}
    manager = first_member(session, agencies[MIRAI])
    consents = {HANAKO: frozenset({READ, WRITE}), ICHIRO: frozenset({READ}), SETSUKO: frozenset({READ}),
                TADASHI: frozenset({READ})}  # fmt: skip
    grants = {
        part: delegation.request_grant(
            session, owners[part], Consent(agencies[MIRAI].id, permissions, 12),
            answer_days=settings.delegation_request_days,
        )
        for part, permissions in consents.items()
    }  # fmt: skip
    delegation.answer(session, manager, grants[HANAKO].id, approve=True)
    delegation.answer(session, manager, grants[SETSUKO].id, approve=False)
    delegation.answer(session, manager, grants[TADASHI].id, approve=True)
    _move_back(session, grants[TADASHI], by=timedelta(days=400))
    let_time_pass(session)


def register_clients(session: Session, settings: Settings, secrets: ClientSecrets) -> None:
    """Register マイページ with its permissions, the agency portal and the display on the wall."""
    for words in MYPAGE_PERMISSIONS:
        register_permission(session, words)
    for metadata in client_metadata(settings, secrets):
        register_client(session, metadata)


def move_clients(session: Session, settings: Settings, secrets: ClientSecrets) -> None:
    """Bring the addresses of マイページ and the portal up to date when they moved to other ports."""
    for words in MYPAGE_PERMISSIONS:
        register_permission(session, words)
    for metadata in client_metadata(settings, secrets):
        if session.get(Client, metadata.client_id) is None:  # the demo is older than this client
            register_client(session, metadata)
        change_client(session, metadata)


def client_metadata(settings: Settings, secrets: ClientSecrets) -> tuple[ClientMetadata, ...]:
    """Return what マイページ, the agency portal and the display on the wall are registered with."""
    mypage, portal = settings.mypage_url, settings.agency_portal_url
    return (
        ClientMetadata(
            client_id="mypage", client_name="マイページ", client_uri=mypage, first_party=True,
            token_endpoint_auth_method="client_secret_basic", secret=secrets.mypage_secret,  # noqa: S106
            redirect_uris=(f"{mypage}/oidc/callback",),
            post_logout_redirect_uris=(f"{mypage}/", f"{portal}/proxy-login/ended"),
            grant_types=(AUTHORIZATION_CODE, REFRESH_TOKEN, CLIENT_CREDENTIALS), scope=MYPAGE_SCOPE,
            initiate_login_uri=f"{mypage}/oidc/initiate",
            backchannel_logout_uri=f"{mypage}/oidc/backchannel-logout", sign_in_page=SignInPage.OWNERS,
            act_as_supported=True, act_as_permissions=(READ, WRITE),
            localized={"client_name#en": "My Page"},
        ),
        ClientMetadata(
            client_id="agency-portal", client_name="販売店・業者様向け管理画面", client_uri=portal,
            first_party=True,
            token_endpoint_auth_method="private_key_jwt",  # noqa: S106 - a method
            jwks={"keys": [secrets.portal_public_jwk]}, redirect_uris=(f"{portal}/oidc/callback",),
            post_logout_redirect_uris=(f"{portal}/agency/login",),
            grant_types=(AUTHORIZATION_CODE, REFRESH_TOKEN, TOKEN_EXCHANGE), scope=PORTAL_SCOPE,
            initiate_login_uri=f"{portal}/oidc/initiate",
            backchannel_logout_uri=f"{portal}/oidc/backchannel-logout", sign_in_page=SignInPage.AGENCIES,
            act_as_audiences=("mypage",),
        ),
        ClientMetadata(
            client_id="display", client_name="おうちの電力モニター", token_endpoint_auth_method="none",  # noqa: S106
            grant_types=(DEVICE_CODE, REFRESH_TOKEN), scope=DISPLAY_SCOPE,
            localized={"client_name#en": "Home power display"},
        ),
    )  # fmt: skip


def make_products(session: Session) -> None:
    """Register the units that left the factory: those of the cast and some that nobody has claimed."""
    serials = [serial for owner in OWNERS for serial in owner.serials] + list(UNCLAIMED)
    for number, serial in enumerate(serials, start=1001):
        session.add(
            Product(id=credentials.new_id(), product_id=number, model=MODELS[serial[:4]],
                    serial_number=serial)
        )  # fmt: skip
    session.flush()


def make_agency(session: Session, part: AgencyPart, password_hash: str) -> Agency:
    """Add an agency with its members, all with the same password."""
    now = clock.now()
    agency = Agency(
        id=credentials.new_id(), email=part.email, name=part.name, status=AgencyStatus.ACTIVE, created_at=now,
        representative_name=part.members[0].name, representative_furigana=part.members[0].furigana,
        postal_code=part.postal_code, prefecture=part.prefecture, city=part.city, street=part.street,
        phone=part.phone,
    )  # fmt: skip
    session.add(agency)
    session.flush()
    for member in part.members:
        account = _account(member.email, member.name, member.furigana, password_hash=password_hash, now=now)
        session.add(account)
        session.flush()
        session.add(
            Member(id=credentials.new_id(), account_id=account.id, agency_id=agency.id, role=member.role,
                   joined_at=now)
        )  # fmt: skip
    session.flush()
    return agency


def make_owner(session: Session, part: OwnerPart, password_hash: str) -> Account:
    """Add an owner, who has claimed the units of their part that left the factory."""
    now = clock.now()
    account = _account(part.email, part.name, part.furigana, password_hash=password_hash, now=now)
    account.owner = OwnerProfile(
        user_id=part.user_id, postal_code=part.postal_code, prefecture=part.prefecture, city=part.city,
        street=part.street, phone=part.phone, info_sharing=True,
    )  # fmt: skip
    session.add(account)
    session.flush()
    joined = now - timedelta(days=30)
    for serial in part.serials:
        session.execute(
            update(Product)
            .where(Product.serial_number == serial)
            .values(
                owner_id=account.id, claimed_at=now, remote_serial_number="RC-" + serial[4:9],
                installation_postal_code=part.postal_code, ai_control_joined_at=joined,
                # One unit joined 見守りサービス only today: its power data opens tomorrow at 07:00.
                watch_joined_at=now if serial == ICHIRO.serials[-1] else joined,
            )
        )  # fmt: skip
    return account


def _account(email: str, name: str, furigana: str, *, password_hash: str, now: datetime) -> Account:
    return Account(
        id=credentials.new_id(), email=email, name=name, furigana=furigana, password_hash=password_hash,
        status=AccountStatus.ACTIVE, created_at=now, password_changed_at=now,
    )  # fmt: skip


def first_member(session: Session, agency: Agency) -> Member:
    """Return the manager who registered an agency of the cast."""
    return session.scalars(
        select(Member).where(Member.agency_id == agency.id, Member.role == MemberRole.MANAGER)
    ).one()


def _move_back(session: Session, grant: Grant, *, by: timedelta) -> None:
    """Let a grant have happened earlier, so that its term is over today."""
    session.refresh(grant)
    for name in ("requested_at", "lapses_at", "decided_at", "expires_at"):
        moment = getattr(grant, name)
        setattr(grant, name, moment - by if moment else None)
    session.flush()
