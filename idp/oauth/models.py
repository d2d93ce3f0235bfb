"""Tables of the oauth slice: clients, requests, codes, token families, refresh tokens, keys."""

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, Text, false, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from idp import credentials
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


class ClientProfile(StrEnum):
    """Which security profile is enforced for a client."""

    BASELINE = "baseline"
    """RFC 9700: PKCE, exact redirect URIs, rotated refresh tokens."""
    FAPI2 = "fapi2"
    """FAPI 2.0 Security Profile: beside that PAR, ``private_key_jwt`` and DPoP."""


class ApplicationType(StrEnum):
    """OIDC Registration §2: what redirect URIs a client may have."""

    WEB = "web"
    NATIVE = "native"


class SubjectType(StrEnum):
    """OIDC Core §8: whether clients see one ``sub`` of a person or each its own."""

    PUBLIC = "public"
    PAIRWISE = "pairwise"


class KeyState(StrEnum):
    """Life of a signing key."""

    NEXT = "next"
    """Published, so that everybody knows it before it signs."""
    ACTIVE = "active"
    """Signs, once it has been published for long enough."""
    RETIRING = "retiring"
    """Signs nothing more once its successor does; what it signed is still accepted."""
    GONE = "gone"
    """Neither published nor accepted."""


class Client(Base):
    """A registered client; metadata of RFC 7591 §2 and OIDC Registration §2 under their own names."""

    __tablename__ = "clients"
    __table_args__ = (
        CheckConstraint(one_of("status", ClientStatus), name="status"),
        CheckConstraint(one_of("sign_in_page", SignInPage), name="sign_in_page"),
        CheckConstraint(one_of("profile", ClientProfile), name="profile"),
        CheckConstraint(one_of("application_type", ApplicationType), name="application_type"),
        CheckConstraint(one_of("subject_type", SubjectType), name="subject_type"),
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

    profile: Mapped[str] = mapped_column(default=ClientProfile.BASELINE, server_default="baseline")
    first_party: Mapped[bool] = mapped_column(default=False, server_default=false())
    """One of the maker's own apps: people are not asked for consent, unless the request says so."""
    application_type: Mapped[str] = mapped_column(default=ApplicationType.WEB, server_default="web")
    subject_type: Mapped[str] = mapped_column(default=SubjectType.PUBLIC, server_default="public")
    sector_identifier_uri: Mapped[str | None]
    sector: Mapped[str | None]
    """Host whose clients see the same pairwise ``sub`` (OIDC Core §8.1)."""
    jwks_uri: Mapped[str | None]
    require_pushed_authorization_requests: Mapped[bool] = mapped_column(default=False, server_default=false())
    require_signed_request_object: Mapped[bool] = mapped_column(default=False, server_default=false())
    request_object_signing_alg: Mapped[str | None]
    token_endpoint_auth_signing_alg: Mapped[str | None]
    dpop_bound_access_tokens: Mapped[bool] = mapped_column(default=False, server_default=false())
    userinfo_signed_response_alg: Mapped[str | None]
    introspection_signed_response_alg: Mapped[str | None]
    default_max_age: Mapped[int | None]
    require_auth_time: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Kept and told back; every ID token of ours has ``auth_time``."""
    default_acr_values: Mapped[list[str]] = mapped_column(JSON, default=list, server_default="[]")
    """Kept and told back; a wish (OIDC Core §5.5.1.1), and there is one way of signing in."""
    resources: Mapped[list[str]] = mapped_column(JSON, default=list, server_default="[]")
    """Resource indicators (RFC 8707) that this client serves as an API; it may introspect their tokens."""
    allowed_resources: Mapped[list[str]] = mapped_column(JSON, default=list, server_default="[]")
    """Resource indicators that this client may ask tokens for."""
    backchannel_logout_session_required: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Kept and told back; every logout token of ours has ``sid``."""
    logo_uri: Mapped[str | None]
    policy_uri: Mapped[str | None]
    tos_uri: Mapped[str | None]
    contacts: Mapped[list[str]] = mapped_column(JSON, default=list, server_default="[]")
    software_id: Mapped[str | None]
    software_version: Mapped[str | None]
    localized: Mapped[dict[str, str]] = mapped_column(JSON, default=dict, server_default="{}")
    """Metadata with a language tag, such as ``client_name#en`` (RFC 7591 §2.2)."""
    registration_digest: Mapped[str | None]
    """Digest of the registration access token (RFC 7592 §3), for clients that registered themselves."""
    agency_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("agencies.id"), index=True)
    """The agency whose own system this is (``systems``); it acts for that agency's owners, nobody else's."""
    event_receiver_uri: Mapped[str | None]
    """Where Security Event Tokens about the agency's grants are pushed to (RFC 8935)."""
    paused_at: Mapped[datetime | None]
    """The agency's manager has stopped its system; ``status`` is the operator's word."""

    # What Authlib's client authentication asks of a client (authlib.oauth2.rfc6749.ClientMixin).
    def check_client_secret(self, client_secret: str) -> bool:
        """Tell whether this is the secret; compares digests in constant time."""
        return self.secret_digest is not None and credentials.equal(
            credentials.digest(client_secret), self.secret_digest
        )

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        """Tell whether the client registered this way of authenticating, at every endpoint the same one.

        Of the fapi2 profile's clients nothing but a signature counts (FAPI 2.0 Security Profile §5.3.2.1).
        """
        if self.profile == ClientProfile.FAPI2 and method != "private_key_jwt":
            return False
        return bool(endpoint) and method == self.token_endpoint_auth_method

    @property
    def is_confidential(self) -> bool:
        """Whether the client can keep a secret (RFC 6749 §2.1)."""
        return self.token_endpoint_auth_method != "none"

    @property
    def needs_dpop(self) -> bool:
        """Whether it gets no access token that is not bound to a key (RFC 9449 §5.2, FAPI 2.0 §5.3.2.1)."""
        return self.dpop_bound_access_tokens or self.profile == ClientProfile.FAPI2

    @property
    def scopes(self) -> frozenset[str]:
        """Scopes that the client may ask for."""
        return frozenset(self.scope.split())


class ApiScope(Base):
    """A scope of another API of the maker's, with the words that people read before they allow it."""

    __tablename__ = "api_scopes"

    name: Mapped[str] = mapped_column(primary_key=True)
    words: Mapped[str]
    words_en: Mapped[str]
    for_clients: Mapped[bool] = mapped_column(default=False)


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
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id"), index=True)
    """``sub``: the person, or the owner under act."""
    session_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("browser_sessions.id"), index=True)
    act_as_session_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("act_as_sessions.id"), index=True)
    scope: Mapped[str]
    authenticated_at: Mapped[datetime]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    offline: Mapped[bool] = mapped_column(default=False, server_default=false())
    """``offline_access`` (OIDC Core §11): outlives the sign-in session, never the account or the consent."""
    resources: Mapped[list[str]] = mapped_column(JSON, default=list, server_default="[]")
    """Resource indicators that were granted (RFC 8707 §2); empty means this server's own APIs."""
    claims: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    """The ``claims`` parameter as it was checked (OIDC Core §5.5)."""
    jkt: Mapped[str | None]
    """Thumbprint of the DPoP key that the code is bound to (RFC 9449 §10)."""

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
    jkt: Mapped[str | None]
    """Thumbprint of a public client's DPoP key, which the token is bound to (RFC 9449 §5)."""

    family: Mapped[TokenFamily] = relationship(lazy="joined")


class RevokedToken(Base):
    """A ``jti`` of an access token without a family that was revoked (RFC 7009), until it is over anyway."""

    __tablename__ = "revoked_tokens"

    jti_digest: Mapped[str] = mapped_column(primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(index=True)


class UsedProof(Base):
    """A DPoP proof that was accepted (RFC 9449 §11.1), kept until it would be too old anyway."""

    __tablename__ = "used_proofs"

    proof_digest: Mapped[str] = mapped_column(primary_key=True)
    """Digest of key thumbprint and ``jti``."""
    expires_at: Mapped[datetime] = mapped_column(index=True)


class PushedRequest(Base):
    """A pushed authorization request (RFC 9126): a minute, once, digest only."""

    __tablename__ = "pushed_requests"

    digest: Mapped[str] = mapped_column(primary_key=True)
    client_id: Mapped[str] = mapped_column(ForeignKey("clients.client_id"))
    parameters: Mapped[dict[str, str]] = mapped_column(JSON)
    jkt: Mapped[str | None]
    expires_at: Mapped[datetime] = mapped_column(index=True)
    used_at: Mapped[datetime | None]


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
