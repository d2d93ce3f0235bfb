"""Forms of owners' and agencies' data."""

from typing import Self

from idp.accounts.forms import ClubForm, CompanyFields, PersonFields, PostalAddressFields
from idp.accounts.models import Account, Agency
from idp.accounts.profile.service import AgencyDetails, OwnerDetails
from idp.accounts.registration.forms import info_sharing_field


class OwnerProfileForm(ClubForm, PersonFields, PostalAddressFields):
    """登録情報を変更する: an owner's data except for the mail address."""

    info_sharing = info_sharing_field()

    @classmethod
    def of(cls, account: Account) -> Self:
        """Return the form filled in with what is stored."""
        owner = account.owner
        if owner is None:
            return cls(name=account.name, furigana=account.furigana)
        return cls(
            name=account.name, furigana=account.furigana, postal_code=owner.postal_code,
            prefecture=owner.prefecture, city=owner.city, street=owner.street, phone=owner.phone,
            info_sharing="yes" if owner.info_sharing else "no",
        )  # fmt: skip

    def details(self) -> OwnerDetails:
        """Return what was typed; ask after ``validate``."""
        return OwnerDetails(
            name=self.name.data or "", furigana=self.furigana.data or "",
            postal_code=self.postal_code.data or "", prefecture=self.prefecture.data or "",
            city=self.city.data or "", street=self.street.data or "", phone=self.phone.data or "",
            info_sharing=self.info_sharing.data == "yes",
        )  # fmt: skip


class MemberNameForm(ClubForm, PersonFields):
    """A member's own name, under which owners know who acted for them."""


class AgencyProfileForm(ClubForm, CompanyFields, PersonFields, PostalAddressFields):
    """販売店情報更新: an agency's data except for the mail address."""

    @classmethod
    def of(cls, agency: Agency) -> Self:
        """Return the form filled in with what is stored."""
        return cls(
            company=agency.name, name=agency.representative_name, furigana=agency.representative_furigana,
            postal_code=agency.postal_code, prefecture=agency.prefecture, city=agency.city,
            street=agency.street, phone=agency.phone,
        )  # fmt: skip

    def details(self) -> AgencyDetails:
        """Return what was typed; ask after ``validate``."""
        return AgencyDetails(
            name=self.company.data or "", representative_name=self.name.data or "",
            representative_furigana=self.furigana.data or "", postal_code=self.postal_code.data or "",
            prefecture=self.prefecture.data or "", city=self.city.data or "", street=self.street.data or "",
            phone=self.phone.data or "",
        )  # fmt: skip
