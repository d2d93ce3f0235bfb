"""Owners and agencies of one test alone, made by the functions that made the demo's cast.

Tests share a running club, so whoever changes something plays with people that nobody else knows.
"""

import itertools
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import func, select

from idp import credentials
from idp.accounts.models import Account, Agency, Member, Product
from idp.accounts.rules import MemberRole
from idp.db import Database
from idp.delegation import service
from idp.delegation.rules import READ, WRITE
from idp.delegation.service import Consent
from idp.demo import MODELS, PASSWORD, AgencyPart, MemberPart, OwnerPart, make_agency, make_owner
from idp.unit_of_work import unit_of_work

ANSWER_DAYS = 30


@dataclass
class Casting:
    """Adds people to the club's database, as if they had registered long ago."""

    database: Database
    numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))
    password_hash: str = field(init=False)

    def __post_init__(self) -> None:
        self.password_hash = credentials.hash_password(PASSWORD, self.database.sealer)

    def owner(self, *, name: str = "森 千代子", furigana: str = "モリ チヨコ", units: int = 1) -> OwnerPart:
        """Add an owner with so many units."""
        number = next(self.numbers)
        part = OwnerPart(
            f"owner{number}@persona.example", name, furigana, 30_000_000 + number, "6040845", "京都府",
            "京都市中京区", "烏丸通御池上る3-4", "0751112222",
            tuple(f"HC-A8{number:03}{unit}WN1" for unit in range(units)), "",
        )  # fmt: skip
        with unit_of_work(self.database) as session:
            latest = session.scalar(select(func.max(Product.product_id))) or 0
            for product_id, serial in enumerate(part.serials, start=latest + 1):
                session.add(
                    Product(id=credentials.new_id(), product_id=product_id, model=MODELS[serial[:4]],
                            serial_number=serial, remote_serial_number=None)
                )  # fmt: skip
            session.flush()
            make_owner(session, part, self.password_hash)
        return part

    def agency(self, *, name: str = "株式会社あおば設備") -> AgencyPart:
        """Add an agency with its manager."""
        number = next(self.numbers)
        email = f"agency{number}@persona.example"
        manager = MemberPart(email, "岡田 誠", "オカダ マコト", MemberRole.MANAGER)
        part = AgencyPart(
            f"{name} 第{number}営業所", email, "1500002", "東京都", "渋谷区", "渋谷2-21-1", "0337650000",
            (manager,),
        )  # fmt: skip
        with unit_of_work(self.database) as session:
            make_agency(session, part, self.password_hash)
        return part

    def consent(
        self, owner: OwnerPart, agency: AgencyPart, *, write: bool = False, approved: bool = True
    ) -> UUID:
        """Let the owner ask and, unless told otherwise, the agency approve; return the grant's id."""
        with unit_of_work(self.database) as session:
            asking = session.scalars(select(Account).where(Account.email == owner.email)).one()
            asked = session.scalars(select(Agency).where(Agency.email == agency.email)).one()
            permissions = frozenset({READ, WRITE} if write else {READ})
            grant = service.request_grant(
                session, asking, Consent(asked.id, permissions, 12), answer_days=ANSWER_DAYS
            )
            if approved:
                manager = session.scalars(select(Member).where(Member.agency_id == asked.id)).one()
                service.answer(session, manager, grant.id, approve=True)
            return grant.id
