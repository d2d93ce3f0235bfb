"""Tables of the accounts slice."""

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, false, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from idp.accounts.rules import AccountStatus, AgencyStatus, LinkPurpose, MemberRole, ProxyLoginMail
from idp.db import Base, SortedText


def one_of(column: str, choices: type) -> str:
    """Return the CHECK text that keeps a column to the values of a StrEnum."""
    values = ", ".join(f"'{choice}'" for choice in choices)  # type: ignore[attr-defined]
    return f"{column} IN ({values})"


class PostalAddress:
    """Columns of a Japanese postal address and telephone number."""

    postal_code: Mapped[str] = mapped_column(default="")
    prefecture: Mapped[str] = mapped_column(default="")
    city: Mapped[str] = mapped_column(default="")
    street: Mapped[str] = mapped_column(default="")
    phone: Mapped[str] = mapped_column(default="")


class Account(Base):
    """Somebody who can sign in. The id is the OpenID Connect ``sub`` and is never given to another person."""

    __tablename__ = "accounts"
    __table_args__ = (CheckConstraint(one_of("status", AccountStatus), name="status"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    email: Mapped[str | None] = mapped_column(SortedText, unique=True)
    name: Mapped[str]
    furigana: Mapped[str]
    password_hash: Mapped[str | None]
    status: Mapped[str] = mapped_column(default=AccountStatus.ACTIVE)
    created_at: Mapped[datetime]
    password_changed_at: Mapped[datetime | None]

    owner: Mapped["OwnerProfile | None"] = relationship(back_populates="account", lazy="joined")


class OwnerProfile(PostalAddress, Base):
    """What makes an account an owner (お客様情報)."""

    __tablename__ = "owner_profiles"
    __table_args__ = (CheckConstraint(one_of("proxy_login_mail", ProxyLoginMail), name="proxy_login_mail"),)

    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    user_id: Mapped[int] = mapped_column(unique=True)
    """ユーザーID: eight random digits, for the telephone and for addresses of the agencies' pages."""
    info_sharing: Mapped[bool] = mapped_column(default=False)
    proxy_login_mail: Mapped[str] = mapped_column(default=ProxyLoginMail.EACH)
    told_until: Mapped[datetime | None]
    """Proxy logins that began before this moment have been in a daily mail."""

    account: Mapped[Account] = relationship(back_populates="owner", lazy="joined")


class Agency(PostalAddress, Base):
    """A dealer, installer or PPA operator (販売店・業者様). 販売店ID is its e-mail address."""

    __tablename__ = "agencies"
    __table_args__ = (
        CheckConstraint(one_of("status", AgencyStatus), name="status"),
        Index("uq_agencies_open_email", "email", unique=True, sqlite_where=text("status <> 'closed'"),
              postgresql_where=text("status <> 'closed'")),
    )  # fmt: skip

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    email: Mapped[str]
    name: Mapped[str]
    representative_name: Mapped[str]
    representative_furigana: Mapped[str]
    status: Mapped[str] = mapped_column(default=AgencyStatus.ACTIVE)
    created_at: Mapped[datetime]
    assigned_only: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Staff who only look or sign in for owners see those that are assigned to them or to their groups."""


class Member(Base):
    """A person's place in an agency; ended by ``left_at``, never deleted, so that history keeps its names."""

    __tablename__ = "members"
    __table_args__ = (
        CheckConstraint(one_of("role", MemberRole), name="role"),
        Index("uq_members_present", "account_id", unique=True, sqlite_where=text("left_at IS NULL"),
              postgresql_where=text("left_at IS NULL")),
    )  # fmt: skip

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id"))
    agency_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("agencies.id"), index=True)
    role: Mapped[str]
    joined_at: Mapped[datetime]
    left_at: Mapped[datetime | None]

    account: Mapped[Account] = relationship(lazy="joined")
    agency: Mapped[Agency] = relationship(lazy="joined")


class Product(Base):
    """A unit that left the factory. ``owner_id`` is empty until its owner claims it by serial number."""

    __tablename__ = "products"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    product_id: Mapped[int] = mapped_column(unique=True)
    model: Mapped[str]
    serial_number: Mapped[str] = mapped_column(unique=True)
    remote_serial_number: Mapped[str | None]
    owner_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("accounts.id"), index=True)
    claimed_at: Mapped[datetime | None]
    installation_postal_code: Mapped[str | None]
    watch_joined_at: Mapped[datetime | None]
    """見守りサービス; empty means 未加入, here and below."""
    weather_warning_joined_at: Mapped[datetime | None]
    """気象警報自動制御"""
    early_advisory_joined_at: Mapped[datetime | None]
    """早期注意情報自動制御"""
    ai_control_joined_at: Mapped[datetime | None]
    """AI自動制御"""


class BrowserSession(Base):
    """A person's sign-in in one browser. The cookie's secret is stored as a digest only."""

    __tablename__ = "browser_sessions"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    """The ``sid`` of OpenID Connect Back-Channel Logout; no secret."""
    digest: Mapped[str] = mapped_column(unique=True)
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id"), index=True)
    authenticated_at: Mapped[datetime]
    """``auth_time``: when the password was last given."""
    last_seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    address: Mapped[str] = mapped_column(default="")
    """Network address of the browser."""

    account: Mapped[Account] = relationship(lazy="joined")


class MailLink(Base):
    """A link that was mailed: fresh, expired, used, or replaced by a newer one."""

    __tablename__ = "mail_links"
    __table_args__ = (
        CheckConstraint(one_of("purpose", LinkPurpose), name="purpose"),
        Index("ix_mail_links_email_purpose", "email", "purpose"),
    )

    digest: Mapped[str] = mapped_column(primary_key=True)
    purpose: Mapped[str]
    email: Mapped[str]
    account_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("accounts.id"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    replaced_at: Mapped[datetime | None]
    draft: Mapped[str | None] = mapped_column(Text)
    """What the person typed before the confirmation page, sealed; the password in it is a hash already."""


class ChangedOwner(Base):
    """An owner whose name, address or products changed, until the agencies' lists have taken note of it.

    Lists of 50,000 owners are searched in what ``delegation`` keeps beside each grant; this slice cannot call
    up to it, so it leaves a note (``note_change``), and the worker takes it along within seconds.
    """

    __tablename__ = "changed_owners"

    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    changed_at: Mapped[datetime]


class SignInFailure(Base):
    """A try with a wrong password, remembered for a day to slow down guessing; or a link that was asked for.

    Both are what anybody can do to an address, and are counted without storing whose it is. So are the
    agencies' addresses that an owner looks up.
    """

    __tablename__ = "sign_in_failures"
    __table_args__ = (Index("ix_sign_in_failures_subject_at", "subject", "at"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    subject: Mapped[str]
    """Digest of the act and the address that was typed, so that unknown ones are slowed down just the same.
    In a browser where the address has signed in before, of that too: strangers cannot keep its owner out."""
    at: Mapped[datetime]
