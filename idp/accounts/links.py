"""Links that were mailed: issued, looked up, kept with a draft, used once.

Only the digest of a link is stored. A look-up names the purpose, so that a link for one thing opens
nothing else, and nothing is ever read from the link but its digest: address and end stand in the table.
"""

import dataclasses
import json
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar, Protocol, TypeVar

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from idp import credentials
from idp.accounts.models import MailLink
from idp.accounts.rules import LinkNotFresh, LinkPurpose, LinkState, link_state
from idp.credentials import SecretKind
from idp.db import sealer_of


class DraftType(Protocol):
    """A dataclass of plain JSON values."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


DraftT = TypeVar("DraftT", bound=DraftType)


@dataclass(frozen=True)
class UsedLink:
    """What a link proved at the moment it was used: the address, and the account if it was for one."""

    email: str
    account_id: uuid.UUID | None


def issue_link(
    session: Session,
    purpose: LinkPurpose,
    *,
    email: str,
    lifetime: timedelta,
    now: datetime,
    account_id: uuid.UUID | None = None,
    in_place_of: Collection[str] | None = None,
) -> tuple[str, datetime]:
    """Store a new link and return its token and end (exclusive); it replaces older ones of its purpose.

    :param in_place_of: digests of those that it replaces, where not all for the address are meant.
    """
    older = update(MailLink).where(MailLink.email == email, MailLink.purpose == purpose)
    if in_place_of is not None:
        older = older.where(MailLink.digest.in_(in_place_of))
    session.execute(
        older.where(MailLink.used_at.is_(None), MailLink.replaced_at.is_(None))
        .values(replaced_at=now, draft=None)
    )  # fmt: skip
    token = credentials.mint_secret(SecretKind.MAIL_LINK)
    link = MailLink(
        digest=credentials.digest(token), purpose=purpose, email=email, account_id=account_id,
        created_at=now, expires_at=now + lifetime,
    )  # fmt: skip
    session.add(link)
    session.flush()
    return token, link.expires_at


def get_fresh_link(session: Session, token: str, *, purpose: LinkPurpose, now: datetime) -> MailLink:
    """Return the link that this token belongs to; looking changes nothing.

    :raises LinkNotFresh: it is expired, used, replaced or unknown.
    """
    link = _find_link(session, token, purpose=purpose)
    state = _state(link, now=now)
    if link is None or state is not LinkState.FRESH:
        raise LinkNotFresh(state, purpose)
    return link


def use_link(session: Session, token: str, *, purpose: LinkPurpose, now: datetime) -> UsedLink:
    """Use a link up, in one statement: of any number of requests at once, one gets here.

    :raises LinkNotFresh: it is expired, used, replaced or unknown.
    """
    used = session.execute(
        update(MailLink)
        .where(*_is_fresh(token, purpose, now))
        .values(used_at=now, draft=None)
        .returning(MailLink.email, MailLink.account_id)
    ).one_or_none()
    if used is None:
        raise LinkNotFresh(_state(_find_link(session, token, purpose=purpose), now=now), purpose)
    return UsedLink(used.email, used.account_id)


def store_draft(
    session: Session, token: str, draft: DraftType, *, purpose: LinkPurpose, now: datetime
) -> None:
    """Keep what was typed behind a fresh link, sealed; it is forgotten when the link is used.

    :raises LinkNotFresh: the link ended meanwhile.
    """
    text = json.dumps(dataclasses.asdict(draft), ensure_ascii=False)
    stored = session.execute(
        update(MailLink)
        .where(*_is_fresh(token, purpose, now))
        .values(draft=sealer_of(session).seal(text))
        .returning(MailLink.digest)
    ).first()
    if stored is None:
        raise LinkNotFresh(_state(_find_link(session, token, purpose=purpose), now=now), purpose)


def find_draft(session: Session, link: MailLink, kind: type[DraftT]) -> DraftT | None:
    """Return what was typed behind this link, or None."""
    if link.draft is None:
        return None
    return kind(**json.loads(sealer_of(session).unseal(link.draft)))


def find_address(session: Session, token: str, *, purpose: LinkPurpose) -> str | None:
    """Return the address that a link of this purpose was sent to, in whatever state the link is."""
    link = _find_link(session, token, purpose=purpose)
    return None if link is None else link.email


def _is_fresh(token: str, purpose: LinkPurpose, now: datetime) -> list[ColumnElement[bool]]:
    return [
        MailLink.digest == credentials.digest(token), MailLink.purpose == purpose,
        MailLink.used_at.is_(None), MailLink.replaced_at.is_(None), MailLink.expires_at > now,
    ]  # fmt: skip


def _find_link(session: Session, token: str, *, purpose: LinkPurpose) -> MailLink | None:
    if not credentials.is_kind(token, SecretKind.MAIL_LINK):
        return None
    return session.scalar(
        select(MailLink)
        .where(MailLink.digest == credentials.digest(token), MailLink.purpose == purpose)
        .execution_options(populate_existing=True)
    )


def _state(link: MailLink | None, *, now: datetime) -> LinkState:
    if link is None:
        return LinkState.UNKNOWN
    return link_state(expires_at=link.expires_at, used_at=link.used_at, replaced_at=link.replaced_at, now=now)
