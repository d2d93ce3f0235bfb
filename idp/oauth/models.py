"""Tables of the oauth slice: clients, requests, codes, token families, refresh tokens, keys."""

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from idp.accounts.models import Account, one_of
from idp.db import Base


class ClientStatus(StrEnum):
    """Standing of a client."""

    ACTIVE = "active"
    DISABLED = "disabled"


class SignInPage(StrEnum):
    """Whom a client is for, and so which sign-in page its people see."""

    OWNERS = "owners"
    AGENCIES = "agencies"


class KeyState(StrEnum):
    """Life of a signing key."""

    NEXT = "next"
    """Published, so that everybody knows it before it signs."""
    ACTIVE = "active"
    """Signs."""
    RETIRING = "retiring"
    """Signs nothing more; what it signed is still accepted."""
    GONE = "gone"
    """Neither published nor accepted."""


class Client(Base):
    """A registered client; metadata of RFC 7591 §2 and OIDC Registration §2 under their own names."""

    __tablename__ = "clients"
    __table_args__ = (
        CheckConstraint(one_of("status", ClientStatus), name="status"),
        CheckConstraint(one_of("sign_in_page", SignInPage), name="sign_in_page"),
    )

    client_id: Mapped[str] = mapped_column(primary_key=True)
    client_name: Mapped[str]
    client_uri: Mapped[str | None]
    status: Mapped[str] = mapped_column(default=ClientStatus.ACTIVE)
    created_at: Mapped[datetime]
    token_endpoint_auth_method: Mapped[str]
    secret_digest: Mapped[str | None]
    jwks: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    redirect_uris: Mapped[list[str]] = mapped_column(JSON, default=list)
    post_logout_redirect_uris: Mapped[list[str]] = mapped_column(JSON, default=list)
    grant_types: Mapped[list[str]] = mapped_column(JSON, default=list)
    scope: Mapped[str] = mapped_column(default="openid")
    id_token_signed_response_alg: Mapped[str] = mapped_column(default="RS256")
    initiate_login_uri: Mapped[str | None]
    backchannel_logout_uri: Mapped[str | None]
    require_pkce: Mapped[bool] = mapped_column(default=True)
    sign_in_page: Mapped[str] = mapped_column(default=SignInPage.OWNERS)
    act_as_supported: Mapped[bool] = mapped_column(default=False)
    """Understands ``act``; only such a relying party is ever handed a proxy login."""
    act_as_permissions: Mapped[list[str]] = mapped_column(JSON, default=list)
    """Permissions that it understands, the least first."""
    act_as_audiences: Mapped[list[str]] = mapped_column(JSON, default=list)
    """Relying parties that this client may exchange tokens for."""

    # What Authlib's client authentication asks of a client (authlib.oauth2.rfc6749.ClientMixin).
    def check_client_secret(self, client_secret: str) -> bool:
        """Tell whether this is the secret; compares digests in constant time."""
        from idp.oauth.clients import secret_matches

        return secret_matches(self, client_secret)

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        """Tell whether the client registered this way of authenticating, at every endpoint the same one."""
        return bool(endpoint) and method == self.token_endpoint_auth_method

    @property
    def is_confidential(self) -> bool:
        """Whether the client can keep a secret (RFC 6749 §2.1)."""
        return self.token_endpoint_auth_method != "none"

    @property
    def scopes(self) -> frozenset[str]:
        """Scopes that the client may ask for."""
        return frozenset(self.scope.split())


class AuthorizationRequest(Base):
    """A validated request to the authorization endpoint; the later steps carry only its id.

    It belongs to the browser that began it: its cookie is asked for at each step, so that nobody can
    finish in one browser what was begun in another.
    """

    __tablename__ = "authorization_requests"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    client_id: Mapped[str] = mapped_column(ForeignKey("clients.client_id"))
    browser_digest: Mapped[str]
    parameters: Mapped[dict[str, Any]] = mapped_column(JSON)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    finished_at: Mapped[datetime | None]

    client: Mapped[Client] = relationship(lazy="joined")


class TokenFamily(Base):
    """Everything that grows out of one authorization: its code, access tokens and refresh tokens."""

    __tablename__ = "token_families"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    client_id: Mapped[str] = mapped_column(ForeignKey("clients.client_id"))
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id"))
    """``sub``: the person, or the owner under act."""
    session_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("browser_sessions.id"), index=True)
    act_as_session_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("act_as_sessions.id"), index=True)
    scope: Mapped[str]
    authenticated_at: Mapped[datetime]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]

    client: Mapped[Client] = relationship(lazy="joined")
    account: Mapped[Account] = relationship(lazy="joined")


class AuthorizationCode(Base):
    """An authorization code (RFC 6749 §4.1.2): 60 s, once, digest only."""

    __tablename__ = "authorization_codes"

    digest: Mapped[str] = mapped_column(primary_key=True)
    family_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("token_families.id"), index=True)
    redirect_uri: Mapped[str]
    redirect_uri_was_sent: Mapped[bool] = mapped_column(default=True)
    code_challenge: Mapped[str | None]
    nonce: Mapped[str | None] = mapped_column(Text)
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]

    family: Mapped[TokenFamily] = relationship(lazy="joined")


class RefreshToken(Base):
    """A refresh token (RFC 6749 §6): rotated at each use, digest only."""

    __tablename__ = "refresh_tokens"

    digest: Mapped[str] = mapped_column(primary_key=True)
    family_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("token_families.id"), index=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]

    family: Mapped[TokenFamily] = relationship(lazy="joined")


class UsedAssertion(Base):
    """A ``jti`` of a client assertion that was accepted (RFC 7523 §3), kept until it would be over anyway."""

    __tablename__ = "used_assertions"

    client_id: Mapped[str] = mapped_column(primary_key=True)
    jti_digest: Mapped[str] = mapped_column(primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(index=True)


class SigningKey(Base):
    """A key of this server; the private half is sealed under a key outside the database."""

    __tablename__ = "signing_keys"
    __table_args__ = (
        CheckConstraint(one_of("state", KeyState), name="state"),
        Index("ix_signing_keys_alg_state", "alg", "state"),
        Index("uq_signing_keys_active", "alg", unique=True, sqlite_where=text("state = 'active'"),
              postgresql_where=text("state = 'active'")),
    )  # fmt: skip

    kid: Mapped[str] = mapped_column(primary_key=True)
    alg: Mapped[str]
    state: Mapped[str]
    public_jwk: Mapped[dict[str, Any]] = mapped_column(JSON)
    private_jwk: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime]
    activated_at: Mapped[datetime | None]
    retired_at: Mapped[datetime | None]
