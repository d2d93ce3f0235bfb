"""The session store: what a cookie stands for, kept on the server side.

A session that ends keeps its row for a day, without tokens, so that the next click can be told why.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, and_, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from clients.relying_party.clock import epoch, from_epoch
from clients.relying_party.credentials import SealBroken, Vault, digest, mint_secret
from clients.relying_party.errors import TokenNotGenuine
from clients.relying_party.id_token import Identity
from clients.relying_party.logout_token import LogoutNotice
from clients.relying_party.schema import logout_notice, open_database, session
from clients.relying_party.settings import RelyingPartySettings
from clients.relying_party.token_endpoint import TokenResponse
from clients.relying_party.values import Actor, EndReason, Session

REMEMBER_END = timedelta(days=1)
"""How long an ended session is remembered, to explain itself."""
SEEN_STEP = timedelta(minutes=1)
"""How exactly the last request of a session is noted: not every click needs a write."""


@dataclass(frozen=True, kw_only=True)
class StoredSession:
    """A session as the store knows it, alive or ended."""

    session: Session
    access_token: str = field(repr=False)
    access_expires_at: datetime
    refresh_token: str = field(repr=False)
    sealed_refresh_token: str = field(repr=False)
    refresh_claimed_at: datetime | None
    """Since when somebody is using up the refresh token."""
    id_token: str = field(repr=False)
    end_reason: EndReason | None
    lifetime: timedelta
    """From its beginning to its absolute end."""


@dataclass(frozen=True, kw_only=True)
class NewSession:
    """A session just begun, with the secret that goes into the cookie and is stored nowhere."""

    stored: Session
    cookie: str = field(repr=False)


class SessionStore:
    """Sessions of one relying party in its own database."""

    def __init__(self, settings: RelyingPartySettings) -> None:
        self._engine = open_database(settings.database_url)
        self._vault = Vault(settings.secret_key, "stored tokens")
        self._idle = timedelta(seconds=settings.session_idle)
        self._lifetime = timedelta(seconds=settings.session_lifetime)

    def begin(
        self, identity: Identity, tokens: TokenResponse, *, scope: frozenset[str], now: datetime
    ) -> NewSession | None:
        """Store a new session under a new random cookie.

        A logout token may overtake the sign-in that it ends. The session is therefore stored first and looked
        up among the notices after; the other side notes first and ends sessions after. One of the two sees
        the other.

        :returns: None when the server has already ended this sign-in.
        """
        cookie = mint_secret()
        end = identity.session_expires_at or now + self._lifetime
        row = {
            "key": digest(cookie),
            "sub": identity.sub,
            "sid": identity.sid,
            "name": identity.name,
            "email": identity.email,
            "scope": " ".join(sorted(scope)),
            "actor_sub": identity.act.sub if identity.act else None,
            "actor_name": identity.act.name if identity.act else None,
            "organisation_id": identity.act.organisation_id if identity.act else None,
            "organisation_name": identity.act.organisation_name if identity.act else None,
            "delegation": identity.delegation,
            "created_at": epoch(now),
            "seen_at": epoch(now),
            "expires_at": epoch(end),
            "access_token": self._vault.seal(tokens.access_token),
            "access_expires_at": epoch(tokens.access_expires_at),
            # A proxy login must end with its grant: even a refresh token that a server hands out is not kept.
            "refresh_token": self._seal(tokens.refresh_token if identity.act is None else ""),
            "id_token": self._vault.seal(tokens.id_token),
        }
        with self._engine.begin() as connection:
            connection.execute(delete(session).where(session.c.expires_at <= epoch(now - REMEMBER_END)))
            connection.execute(insert(session).values(row))
        if self._was_ended(identity):
            self.end(str(row["key"]), EndReason.ENDED_BY_SERVER, now=now)
            return None
        stored = self.find(digest(cookie), now=now)
        return NewSession(stored=stored.session, cookie=cookie) if stored else None

    def find(self, key: str, *, now: datetime) -> StoredSession | None:
        """Return the session of a cookie's digest, ended ones too; None where there never was one.

        A session whose time is over ends here, and one that is alive notes that it was seen.
        """
        with self._engine.connect() as connection:
            row = connection.execute(select(session).where(session.c.key == key)).one_or_none()
        if row is None:
            return None
        if row.end_reason is None and self._is_over(row, now):
            self.end(key, EndReason.TIME_OVER, now=now)
            return self.find(key, now=now)
        if row.end_reason is None and from_epoch(row.seen_at) + SEEN_STEP <= now:
            with self._engine.begin() as connection:
                connection.execute(update(session).where(session.c.key == key).values(seen_at=epoch(now)))
        try:
            return self._stored(row)
        except SealBroken:
            # The secret key was changed: nobody can use these tokens any more.
            return None

    def end(self, key: str, reason: EndReason, *, now: datetime) -> None:
        """End one session and forget its tokens. The first reason stays."""
        with self._engine.begin() as connection:
            connection.execute(
                update(session)
                .where(session.c.key == key, session.c.ended_at.is_(None))
                .values(_ended(reason, now))
            )

    def end_by_notice(self, notice: LogoutNotice, *, now: datetime) -> int:
        """End the sessions that a logout token names, and return how many there were.

        :raises TokenNotGenuine: its ``jti`` was seen before.
        """
        is_new = self._note(notice, now=now)
        named = [
            *([session.c.sid == notice.sid] if notice.sid else []),
            *([session.c.sub == notice.sub] if notice.sub else []),
        ]
        if not is_new:
            # The process may have died between the note and this: what the token meant must still happen. It
            # cannot mean a session that began after it was issued, so that a replay ends nothing new.
            named.append(session.c.created_at < epoch(notice.issued_at))
        with self._engine.begin() as connection:
            result = connection.execute(
                update(session)
                .where(and_(*named), session.c.ended_at.is_(None))
                .values(_ended(EndReason.ENDED_BY_SERVER, now))
            )
        if not is_new:
            raise TokenNotGenuine("jti")
        return result.rowcount

    def _note(self, notice: LogoutNotice, *, now: datetime) -> bool:
        """Remember a logout token; False when its ``jti`` is known already."""
        keep_until = notice.expires_at + timedelta(hours=1)
        try:
            with self._engine.begin() as connection:
                connection.execute(delete(logout_notice).where(logout_notice.c.forget_at <= epoch(now)))
                connection.execute(
                    insert(logout_notice).values(
                        jti=digest(notice.jti),
                        sid=notice.sid,
                        sub=notice.sub,
                        issued_at=epoch(notice.issued_at),
                        forget_at=epoch(keep_until),
                    )
                )
        except IntegrityError:
            return False
        return True

    def store_tokens(
        self,
        key: str,
        tokens: TokenResponse,
        *,
        claim: str | None = None,
        id_token: str = "",
        end: datetime | None = None,
    ) -> bool:
        """Put renewed tokens into a session that is still alive.

        :param claim: the claim under which a refresh token was used up; it is given back with this.
        :param id_token: a new ID token, where one came.
        :param end: a new absolute end, which can only be earlier than the old one.
        :returns: False when the session, or the claim, had ended meanwhile.
        """
        values: dict[str, Any] = {
            "access_token": self._vault.seal(tokens.access_token),
            "access_expires_at": epoch(tokens.access_expires_at),
            "refresh_claim": None,
            "refresh_claimed_at": None,
        }
        if tokens.scope is not None:
            values["scope"] = " ".join(sorted(tokens.scope))
        if claim is not None:
            values["refresh_token"] = self._seal(tokens.refresh_token)
        if id_token:
            values["id_token"] = self._vault.seal(id_token)
        statement = update(session).where(session.c.key == key, session.c.ended_at.is_(None))
        if claim is not None:
            statement = statement.where(session.c.refresh_claim == claim)
        if end is not None:
            statement = statement.where(session.c.expires_at >= epoch(end))
            values["expires_at"] = epoch(end)
        with self._engine.begin() as connection:
            return connection.execute(statement.values(values)).rowcount == 1

    def claim_refresh(self, stored: StoredSession, *, now: datetime) -> str | None:
        """Take the refresh token out of the row for this request alone; None when another one was first.

        This is the row's lock. It is a conditional UPDATE and not a lock of the database, because SQLite has
        only one for all rows, and it would be held while the server answers. A holder that dies loses the
        token: the person signs in again. That is the safe side, since a second use would make the server
        revoke the whole family.
        """
        claim = mint_secret()
        with self._engine.begin() as connection:
            result = connection.execute(
                update(session)
                .where(
                    session.c.key == stored.session.key,
                    session.c.refresh_token == stored.sealed_refresh_token,
                    session.c.refresh_claim.is_(None),
                    session.c.ended_at.is_(None),
                )
                .values(refresh_token=None, refresh_claim=claim, refresh_claimed_at=epoch(now))
            )
        return claim if result.rowcount == 1 else None

    def give_back_refresh(self, stored: StoredSession, claim: str, *, used_up: bool) -> None:
        """Return a claim without new tokens: with the old token, if that never reached the server."""
        values: dict[str, Any] = {"refresh_claim": None, "refresh_claimed_at": None}
        if not used_up:
            values["refresh_token"] = stored.sealed_refresh_token
        with self._engine.begin() as connection:
            connection.execute(
                update(session)
                .where(
                    session.c.key == stored.session.key,
                    session.c.refresh_claim == claim,
                    session.c.ended_at.is_(None),
                )
                .values(values)
            )

    def _was_ended(self, identity: Identity) -> bool:
        notice = logout_notice.c
        named = or_(
            and_(notice.sid == identity.sid, notice.sid != "", notice.sub.in_(["", identity.sub])),
            and_(notice.sid == "", notice.sub == identity.sub),
        )
        query = select(notice.jti).where(named, notice.issued_at >= epoch(identity.issued_at)).limit(1)
        with self._engine.connect() as connection:
            return connection.execute(query).first() is not None

    def _is_over(self, row: Row[Any], now: datetime) -> bool:
        idle_end = from_epoch(row.seen_at) + self._idle
        return now >= from_epoch(row.expires_at) or now >= idle_end

    def _seal(self, text: str) -> str | None:
        return self._vault.seal(text) if text else None

    def _open(self, sealed: str | None) -> str:
        return self._vault.open(sealed) if sealed else ""

    def _stored(self, row: Row[Any]) -> StoredSession:
        actor = None
        if row.actor_sub is not None:
            actor = Actor(
                sub=row.actor_sub,
                name=row.actor_name,
                organisation_id=row.organisation_id,
                organisation_name=row.organisation_name,
            )
        return StoredSession(
            session=Session(
                sub=row.sub,
                name=row.name,
                email=row.email,
                sid=row.sid,
                scope=frozenset(row.scope.split()),
                act=actor,
                delegation=row.delegation,
                session_expires_at=from_epoch(row.expires_at),
                key=row.key,
            ),
            access_token=self._open(row.access_token),
            access_expires_at=from_epoch(row.access_expires_at),
            refresh_token=self._open(row.refresh_token),
            sealed_refresh_token=row.refresh_token or "",
            refresh_claimed_at=from_epoch(row.refresh_claimed_at) if row.refresh_claimed_at else None,
            id_token=self._open(row.id_token),
            end_reason=EndReason(row.end_reason) if row.end_reason else None,
            lifetime=timedelta(seconds=row.expires_at - row.created_at),
        )


def _ended(reason: EndReason, now: datetime) -> dict[str, Any]:
    """Return the values of an ended row. The ID token stays: ending it at the server needs it as a hint."""
    return {
        "ended_at": epoch(now),
        "end_reason": reason.value,
        "access_token": None,
        "refresh_token": None,
        "refresh_claim": None,
        "refresh_claimed_at": None,
    }
