"""Tables of permissions and of the consent texts that owners were shown."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON
from sqlalchemy.orm import Mapped, mapped_column

from idp.db import Base


class Permission(Base):
    """A scope that delegation grants can give at a relying party, with the words that owners read.

    A relying party's permissions are steps, the least first (``Client.act_as_permissions``): who is given a
    later one is given those before it too. ``title`` names the step, such as 閲覧と設定変更.
    """

    __tablename__ = "permissions"

    name: Mapped[str] = mapped_column(primary_key=True)
    """The scope, such as ``mypage.read``."""
    title: Mapped[str]
    title_en: Mapped[str]
    can: Mapped[list[str]] = mapped_column(JSON, default=list)
    """できること, one line each, of this step and those before it."""
    can_en: Mapped[list[str]] = mapped_column(JSON, default=list)
    cannot: Mapped[list[str]] = mapped_column(JSON, default=list)
    """できないこと of this step."""
    cannot_en: Mapped[list[str]] = mapped_column(JSON, default=list)
    items: Mapped[list[str]] = mapped_column(JSON, default=list)
    """Kinds of the owner's data that the agency gets to know with it, as records of disclosures name them."""
    items_en: Mapped[list[str]] = mapped_column(JSON, default=list)
    client_id: Mapped[str | None]
    """The relying party whose permission it is, for ever: what owners allow there must open no other one."""
    changed_at: Mapped[datetime]


class ConsentWording(Base):
    """A consent text as owners agreed to it; never changed, so that a grant can name what covered it."""

    __tablename__ = "consent_wordings"

    version: Mapped[str] = mapped_column(primary_key=True)
    """``Grant.wording``: the page's version and a digest of the text."""
    text: Mapped[dict[str, Any]] = mapped_column(JSON)
    """Lines by heading, in the language that was shown."""
    first_agreed_at: Mapped[datetime]
