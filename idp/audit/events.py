"""The closed vocabulary of audit events, each in the past tense. A new kind of event is added here first."""

from enum import StrEnum


class Event(StrEnum):
    """Everything that can be recorded."""

    AGENCY_REGISTERED = "agency.registered"
    AGENCY_UPDATED = "agency.updated"
    AGENCY_SUSPENDED = "agency.suspended"
    AGENCY_REINSTATED = "agency.reinstated"
    AGENCY_CLOSED = "agency.closed"
    MEMBER_ADDED = "member.added"
    MEMBER_UPDATED = "member.updated"
    MEMBER_REMOVED = "member.removed"
    OWNER_REGISTERED = "owner.registered"
    OWNER_UPDATED = "owner.updated"
    ACCOUNT_SUSPENDED = "account.suspended"
    ACCOUNT_REINSTATED = "account.reinstated"
    PRODUCT_CLAIMED = "product.claimed"
    PRODUCT_CHANGED = "product.changed"
    PASSWORD_CHANGED = "password.changed"  # noqa: S105 - an event, not a password
    PASSWORD_RESET = "password.reset"  # noqa: S105 - the same
    SIGNED_IN = "session.started"
    SIGN_IN_FAILED = "session.refused"
    SIGNED_OUT = "session.ended"
    DELEGATION_REQUESTED = "delegation.requested"
    DELEGATION_APPROVED = "delegation.approved"
    DELEGATION_DENIED = "delegation.denied"
    DELEGATION_WITHDRAWN = "delegation.withdrawn"
    DELEGATION_LAPSED = "delegation.lapsed"
    DELEGATION_REVOKED = "delegation.revoked"
    DELEGATION_EXPIRED = "delegation.expired"
    DELEGATION_SUSPENDED = "delegation.suspended"
    DELEGATION_REINSTATED = "delegation.reinstated"
    EXCHANGE_ISSUED = "delegation.exchange.issued"
    EXCHANGE_REFUSED = "delegation.exchange.refused"
    PROXY_LOGIN_STARTED = "proxy_login.started"
    PROXY_LOGIN_REFUSED = "proxy_login.refused"
    PROXY_LOGIN_ENDED = "proxy_login.ended"
    CONSENT_GIVEN = "consent.given"
    CONSENT_REFUSED = "consent.refused"
    CONSENT_WITHDRAWN = "consent.withdrawn"
    CODE_REPLAYED = "code.replayed"
    TOKEN_REUSED = "token.reused"  # noqa: S105 - an event
    DEVICE_APPROVED = "device.approved"
    DEVICE_DENIED = "device.denied"
    USER_CODE_REFUSED = "device.code.refused"
    CLIENT_REGISTERED = "client.registered"
    CLIENT_CHANGED = "client.changed"
    CLIENT_DISABLED = "client.disabled"
    CLIENT_ENABLED = "client.enabled"
    CLIENT_DELETED = "client.deleted"
    CLIENT_SECRET_ROTATED = "client.secret_rotated"  # noqa: S105 - an event
    REGISTRATION_TOKEN_ISSUED = "registration_token.issued"  # noqa: S105 - an event
    REGISTRATION_TOKEN_REVOKED = "registration_token.revoked"  # noqa: S105 - an event
    SCOPE_REGISTERED = "scope.registered"
    KEY_ROTATED = "key.rotated"
    KEY_WITHDRAWN = "key.withdrawn"
