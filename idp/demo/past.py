"""What has happened in the club of the demo before it starts, so that there is something to look at.

Proxy logins for 花子 with what was done in them, a permission limited to one house, a leaflet, an agency with
several staff and a group, an attempt that was refused. Only the demo has it; tests start from the cast.
"""

import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from idp import clock, credentials
from idp.accounts.models import Account, Agency, Member, OwnerProfile, Product
from idp.accounts.products.service import ChangedBy, change_services
from idp.accounts.rules import AccountStatus, MemberRole, ProxyLoginMail, Service
from idp.accounts.sessions.service import end_session as sign_out
from idp.accounts.sessions.service import start_session as sign_in
from idp.accounts.staff.models import StaffGroup
from idp.audit.events import Event
from idp.audit.models import AuditEvent
from idp.audit.service import record_event
from idp.db import sealer_of
from idp.delegation import proxy_logins
from idp.delegation import service as delegation
from idp.delegation.activities.models import Activity
from idp.delegation.activities.rules import Action, Report
from idp.delegation.activities.service import report_activities
from idp.delegation.assignments.assigning import assign
from idp.delegation.assignments.groups import change_group, make_group
from idp.delegation.assignments.rules import Assignee
from idp.delegation.authority import Authority
from idp.delegation.disclosures.models import Disclosure
from idp.delegation.exchange_rules import ExchangeRefusal
from idp.delegation.invitations.service import count_opened, make_invitation, withdraw_invitation
from idp.delegation.models import ActAsSession, Grant
from idp.delegation.permissions.consent_text import never_lines
from idp.delegation.permissions.models import ConsentWording
from idp.delegation.permissions.wordings import keep_wording
from idp.delegation.rules import READ, WRITE, SessionEnd, SessionKind
from idp.delegation.service import Consent
from idp.demo import (
    HANAKO,
    ICHIRO,
    MIRAI,
    PASSWORD,
    SAKURA,
    MemberPart,
    OwnerPart,
    first_member,
)
from idp.demo.permissions import MYPAGE_PERMISSIONS
from idp.mail.models import OutboxItem
from idp.settings import Settings

MORE_STAFF = (
    MemberPart("ogawa@mirai-denko.example", "小川 健", "オガワ ケン", MemberRole.PROXY_LOGIN),
    MemberPart("ishii@mirai-denko.example", "石井 直美", "イシイ ナオミ", MemberRole.VIEWER),
)  # fmt: skip
"""Those of みらい電工 whom its manager has invited since."""
GROUP = "京都営業所"
_AGO = timedelta(days=60)
"""When 花子 asked."""
_OFFICE = "203.0.113.24"


@dataclass(frozen=True)
class _Past:
    """A proxy login that is over."""

    member: MemberPart
    days_ago: int
    minutes: int
    reason: str
    end: SessionEnd
    scope: frozenset[str]
    done: tuple[tuple[Action, str, str, str], ...]
    """What マイページ reported: action, kind of data, and in words in both languages."""
    joins: Service | None = None


_CUSTOMER = (Action.VIEWED, "お客様情報", "お客様情報（氏名、住所、電話番号、メールアドレスなど）",
             "Customer information (name, address, telephone number, e-mail address and so on)")  # fmt: skip
_SERVICES = (Action.VIEWED, "製品情報", "製品情報とサービスの加入状況",
             "Products and the services they have joined")  # fmt: skip
_POWER = (Action.VIEWED, "電力データ", "電力データ（ESS-U4X1、HC-A10001WN1）",
          "Power data (ESS-U4X1, HC-A10001WN1)")  # fmt: skip
_PAST = (
    _Past(MIRAI.members[0], 41, 12, "設置後の動作確認", SessionEnd.STAFF, frozenset({READ, WRITE}),
          (_CUSTOMER, _SERVICES, _POWER)),
    _Past(MORE_STAFF[0], 16, 7, "お客様からのお電話（台風への備えについて）", SessionEnd.STAFF,
          frozenset({READ, WRITE}), (_SERVICES,), joins=Service.WEATHER_WARNING),
    _Past(MIRAI.members[1], 3, 4, "", SessionEnd.OWNER, frozenset({READ, WRITE}), (_SERVICES,)),
)  # fmt: skip


def load_past(session: Session, settings: Settings) -> None:
    """Add all of it to the cast, which has just been loaded."""
    mirai, sakura = _agency(session, MIRAI.email), _agency(session, SAKURA.email)
    manager = first_member(session, mirai)
    _keep_consent(session, settings)
    asked = {grant.owner.email: grant for grant in session.scalars(select(Grant))}
    _add_staff(session, mirai)
    _act(session, asked[HANAKO.email], settings)
    _limit_to_one_house(session, sakura, settings)
    _invite_owners(session, manager, asked[ICHIRO.email])
    _form_group(session, manager, asked[HANAKO.email])
    _refuse(session, manager, asked[ICHIRO.email])


def _agency(session: Session, email: str) -> Agency:
    return session.scalars(select(Agency).where(Agency.email == email)).one()


def _account(session: Session, part: OwnerPart | MemberPart) -> Account:
    return session.scalars(select(Account).where(Account.email == part.email)).one()


def _unit(session: Session, part: OwnerPart) -> uuid.UUID:
    return session.scalars(select(Product.id).where(Product.serial_number == part.serials[0])).one()


def _keep_consent(session: Session, settings: Settings) -> None:
    """Store the text that the cast's owners were shown."""
    text = {
        f"マイページ – {words.title}: {heading}": lines
        for words in MYPAGE_PERMISSIONS
        for heading, lines in (("できること", words.can), ("できないこと", words.cannot))
    }
    rest = {
        "どれを選んでも、できないこと": never_lines(),
        "いつまで": ("販売店・業者様が承認した日から数えます。期間が終わると、自動的に使えなくなります。",),
        "やめかた": ("「お客様情報」のページの「許可を取り消す」を押すと、すぐに使えなくなります。",
                 f"お電話（{settings.contact_phone}）でも承ります。"),
    }  # fmt: skip
    version = keep_wording(session, {**text, **rest})
    session.get_one(ConsentWording, version).first_agreed_at -= _AGO
    session.execute(update(Grant).values(wording=version))
    session.execute(update(Disclosure).values(wording=version))


def _add_staff(session: Session, agency: Agency) -> None:
    now, password_hash = clock.now(), credentials.hash_password(PASSWORD, sealer_of(session))
    for part in MORE_STAFF:
        account = Account(
            id=credentials.new_id(), email=part.email, name=part.name, furigana=part.furigana,
            password_hash=password_hash, status=AccountStatus.ACTIVE, created_at=now, password_changed_at=now,
        )  # fmt: skip
        session.add(account)
        session.flush()
        session.add(Member(id=credentials.new_id(), account_id=account.id, agency_id=agency.id,
                           role=part.role, joined_at=now))  # fmt: skip
    session.flush()


def _act(session: Session, grant: Grant, settings: Settings) -> None:
    """Let 花子's permission be older, and be used three times; she had no mails then, and has them now."""
    owner = grant.owner_id
    chosen = update(OwnerProfile).where(OwnerProfile.account_id == owner)
    session.execute(chosen.values(proxy_login_mail=ProxyLoginMail.NEVER))
    _move(session, grant, ("requested_at", "lapses_at", "decided_at", "expires_at"), by=_AGO)
    _move_records(session, AuditEvent.grant_id == grant.id, Disclosure.grant_id == grant.id, by=_AGO)
    for past in _PAST:
        _act_once(session, grant, past, settings)
    session.execute(chosen.values(proxy_login_mail=ProxyLoginMail.EACH))


def _act_once(session: Session, grant: Grant, past: _Past, settings: Settings) -> None:
    account = _account(session, past.member)
    member = session.scalars(select(Member).where(Member.account_id == account.id)).one()
    lifetime = timedelta(hours=1)
    signed_in, _secret = sign_in(session, account, address=_OFFICE, lifetime=lifetime)
    authority = Authority(grant, member, signed_in.id, "agency-portal", past.scope)
    act_as = proxy_logins.start_session(
        session, authority, audience="mypage", app_name="マイページ", kind=SessionKind.BROWSER,
        reason=past.reason, life=timedelta(hours=1),
    )  # fmt: skip
    assert isinstance(act_as, ActAsSession)  # noqa: S101 - the grant is in force
    reports = [
        Report(f"demo-{number}", clock.now(), *words) for number, words in enumerate(past.done, start=1)
    ]
    report_activities(session, "mypage", act_as.id, reports=reports)
    if past.joins:
        by = ChangedBy(account.id, grant.agency_id, grant.id, act_as.id, "mypage")
        unit, joining = _unit(session, HANAKO), frozenset({past.joins})
        change_services(session, grant.owner_id, product_id=unit, join=joining, leave=frozenset(), by=by,
                        now=clock.now())  # fmt: skip
    proxy_logins.end_session(session, act_as.id, reason=past.end, tell_app=True)
    sign_out(session, signed_in.id)
    _place_in_past(session, act_as, past)
    _move(session, signed_in, ("authenticated_at", "last_seen_at", "expires_at", "ended_at"),
          by=timedelta(days=past.days_ago))  # fmt: skip


def _place_in_past(session: Session, act_as: ActAsSession, past: _Past) -> None:
    """Let it have happened at ten in the morning, some days ago; マイページ confirmed its end at once."""
    session.refresh(act_as)
    ten = act_as.started_at.astimezone(clock.JST).replace(hour=10, minute=12, second=0, microsecond=0)
    began = ten - timedelta(days=past.days_ago)
    earlier, ended = act_as.started_at - began, began + timedelta(minutes=past.minutes)
    here = AuditEvent.session_id == act_as.id
    today = Disclosure.on_day == clock.now().astimezone(clock.JST).date()
    _move_records(session, here, (Disclosure.grant_id == act_as.grant_id) & today, by=earlier)
    act_as.started_at, act_as.ended_at, act_as.address = began, ended, _OFFICE
    act_as.expires_at -= earlier
    found = session.scalars(
        select(Activity).where(Activity.session_id == act_as.id).order_by(Activity.reference)
    )
    for number, activity in enumerate(found, start=1):
        activity.at = activity.reported_at = began + timedelta(minutes=number)
    confirmed = {"created_at": ended, "done_at": ended + timedelta(seconds=1), "payload": None}
    session.execute(update(OutboxItem).where(OutboxItem.reference == act_as.id).values(**confirmed))
    session.execute(update(Grant).where(Grant.id == act_as.grant_id).values(last_used_at=began))
    session.flush()


def _move_records(session: Session, events: Any, disclosures: Any, *, by: timedelta) -> None:
    for event in session.scalars(select(AuditEvent).where(events)):
        event.at -= by
    for disclosure in session.scalars(select(Disclosure).where(disclosures)):
        disclosure.at, disclosure.last_at = disclosure.at - by, disclosure.last_at - by
        disclosure.on_day = disclosure.at.astimezone(clock.JST).date()
    session.flush()


def _move(session: Session, row: object, names: tuple[str, ...], *, by: timedelta) -> None:
    session.refresh(row)
    for name in names:
        moment = getattr(row, name)
        setattr(row, name, moment - by if moment else None)
    session.flush()


def _limit_to_one_house(session: Session, agency: Agency, settings: Settings) -> None:
    """Let 一郎 allow さくらソーラー販売 to look at one of his three units."""
    wording = session.scalars(select(Grant.wording).limit(1)).one()
    consent = Consent(
        agency.id, frozenset({READ}), 12, wording=wording, products=frozenset({_unit(session, ICHIRO)})
    )
    grant = delegation.request_grant(
        session, _account(session, ICHIRO), consent, answer_days=settings.delegation_request_days
    )
    delegation.answer(session, first_member(session, agency), grant.id, approve=True)


def _invite_owners(session: Session, manager: Member, brought: Grant) -> None:
    """Make a leaflet by which 一郎 came, and one that is withdrawn."""
    leaflet = make_invitation(session, manager, label="展示場の入口")
    for _number in range(5):
        count_opened(session, leaflet.id)
    session.execute(update(Grant).where(Grant.id == brought.id).values(invitation_id=leaflet.id))
    withdraw_invitation(session, manager, make_invitation(session, manager, label="昨年のイベント").id)


def _form_group(session: Session, manager: Member, grant: Grant) -> None:
    group: StaffGroup = make_group(session, manager.account_id, GROUP, now=clock.now())
    members: list[uuid.UUID] = [
        session.scalars(select(Member.id).where(Member.account_id == _account(session, part).id)).one()
        for part in (MIRAI.members[1], MORE_STAFF[0])
    ]
    change_group(session, manager.account_id, group.id, name=GROUP, members=members)
    assign(session, manager, [grant.id], to=Assignee(group_id=group.id))


def _refuse(session: Session, manager: Member, waiting: Grant) -> None:
    """Let a member have tried to act for 一郎, whose request nobody has answered yet."""
    actor = _account(session, MORE_STAFF[0])
    record_event(
        session, Event.EXCHANGE_REFUSED, actor_id=actor.id, owner_id=waiting.owner_id,
        agency_id=manager.agency_id, grant_id=waiting.id, client_id="agency-portal",
        reason=ExchangeRefusal.GRANT_NOT_IN_FORCE, audience="mypage", system=False,
    )  # fmt: skip
