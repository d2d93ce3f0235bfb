"""Permissions as relying parties register them, and the steps in which owners give them.

Which client understands which permissions is ``oauth``'s to know (``Client.act_as_permissions``); it comes as
an argument.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from idp import clock
from idp.audit.events import Event
from idp.audit.service import record_event
from idp.delegation.permissions.models import Permission
from idp.errors import Refusal


@dataclass(frozen=True)
class PermissionWords:
    """A permission as a relying party registers it: its name, and what owners read of it."""

    name: str
    """The scope, such as ``mypage.read``."""
    title: str
    title_en: str
    can: tuple[str, ...]
    """できること of this step and those before it, one line each."""
    can_en: tuple[str, ...]
    cannot: tuple[str, ...]
    cannot_en: tuple[str, ...]
    items: tuple[str, ...]
    """Kinds of the owner's data that the agency gets to know with it."""
    items_en: tuple[str, ...]


@dataclass(frozen=True)
class RegisteredApp:
    """A relying party that supports acting, as ``oauth`` knows it."""

    client_id: str
    name: str
    permissions: tuple[str, ...]
    """The least first."""


@dataclass(frozen=True)
class Step:
    """One of the choices that an owner has at a relying party, with everything that it gives."""

    name: str
    """The permission that this step adds."""
    names: frozenset[str]
    """That and those of the steps before it."""
    words: PermissionWords


def register_permission(session: Session, wanted: PermissionWords) -> PermissionWords | None:
    """Register a permission or change its words; return how it was before, or None if it is new.

    What owners have agreed to already stays as they read it (``ConsentWording``).
    """
    stored = session.get(Permission, wanted.name)
    before = None if stored is None else words_of(stored)
    if before == wanted:
        return before
    if stored is None:
        stored = Permission(name=wanted.name)
        session.add(stored)
    for field, value in asdict(wanted).items():
        setattr(stored, field, list(value) if isinstance(value, tuple) else value)
    stored.changed_at = clock.now()
    record_event(session, Event.PERMISSION_REGISTERED, permission=wanted.name)
    session.flush()
    return before


@dataclass(eq=False)
class PermissionOfAnother(Refusal):
    """The permission is another relying party's, or was: old grants would reach the newcomer."""

    name: str
    client_id: str


def claim_permissions(session: Session, names: Iterable[str], *, client_id: str) -> None:
    """Note whose these registered permissions are; the first to understand one keeps it for good.

    :raises PermissionOfAnother: one is another relying party's, also if that was deleted or dropped it.
    """
    for name in sorted(set(names)):
        is_free = or_(Permission.client_id.is_(None), Permission.client_id == client_id)
        claimed = session.execute(
            update(Permission).where(Permission.name == name, is_free).values(client_id=client_id)
            .returning(Permission.name)
        ).first()  # fmt: skip
        if claimed is None:
            theirs = session.scalars(select(Permission.client_id).where(Permission.name == name)).one()
            raise PermissionOfAnother(name, theirs or "")


def words_of(permission: Permission) -> PermissionWords:
    """Return a stored permission as a value."""
    return PermissionWords(
        permission.name, permission.title, permission.title_en, tuple(permission.can),
        tuple(permission.can_en), tuple(permission.cannot), tuple(permission.cannot_en),
        tuple(permission.items), tuple(permission.items_en),
    )  # fmt: skip


def find_permissions(session: Session, names: Iterable[str]) -> list[Permission]:
    """Return those of the named permissions that are registered, in the order in which they are named."""
    wanted = list(dict.fromkeys(names))
    stored = session.scalars(select(Permission).where(Permission.name.in_(wanted)))
    found = {permission.name: permission for permission in stored}
    return [found[name] for name in wanted if name in found]


def steps_of(session: Session, client_permissions: Sequence[str]) -> list[Step]:
    """Return the choices at a relying party, the least first; what has no words is not offered."""
    steps: list[Step] = []
    given: frozenset[str] = frozenset()
    for permission in find_permissions(session, client_permissions):
        given |= {permission.name}
        steps.append(Step(permission.name, given, words_of(permission)))
    return steps


@dataclass(frozen=True)
class ActingApp:
    """A relying party at which an owner can let an agency act, with the choices there."""

    client_id: str
    name: str
    steps: tuple[Step, ...]


def acting_apps(session: Session, apps: Iterable[RegisteredApp]) -> list[ActingApp]:
    """Return the relying parties whose permissions have words; at the others there is nothing to choose."""
    found = [ActingApp(app.client_id, app.name, tuple(steps_of(session, app.permissions))) for app in apps]
    return [app for app in found if app.steps]


def words_by_name(session: Session) -> dict[str, PermissionWords]:
    """Return the words of every permission, in one query, for lists of grants."""
    return {permission.name: words_of(permission) for permission in session.scalars(select(Permission))}


def granted_words(known: Mapping[str, PermissionWords], names: Iterable[str]) -> list[PermissionWords]:
    """Return the words of what a grant gives: of steps that contain each other the largest.

    ``can`` names what the steps before it give too, so that a step is contained in another by its lines.
    """
    found = [known[name] for name in sorted(names) if name in known]
    return [one for one in found if not any(set(one.can) < set(other.can) for other in found)]


def goes_beyond_least(known: Mapping[str, PermissionWords], names: Iterable[str]) -> bool:
    """Tell whether any of these permissions is a later step, which gives more than another one does."""
    return any(
        set(other.can) < set(known[name].can) for name in names if name in known for other in known.values()
    )


def titles(known: Mapping[str, PermissionWords], names: Iterable[str]) -> list[str]:
    """Return what a grant's permissions are called, in Japanese; a scope itself where it has no words."""
    wanted = frozenset(names)
    return [words.title for words in granted_words(known, wanted)] or sorted(wanted)


def items_of(session: Session, names: Iterable[str]) -> tuple[str, ...]:
    """Return the kinds of data that these permissions open, each once, as disclosures are recorded."""
    permissions = find_permissions(session, sorted(names))
    return tuple(dict.fromkeys(item for permission in permissions for item in permission.items))


def all_that_can_be_allowed(session: Session, *, english: bool = False) -> list[str]:
    """Return what every permission together allows, each line once, for whoever has not chosen yet."""
    lines = session.scalars(
        select(Permission.can_en if english else Permission.can).order_by(Permission.name)
    )
    return list(dict.fromkeys(line for told in lines for line in told))


def known_permissions(session: Session) -> frozenset[str]:
    """Return every scope that delegation grants alone can give."""
    return frozenset(session.scalars(select(Permission.name)))
