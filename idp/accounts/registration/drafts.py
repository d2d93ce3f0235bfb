"""What somebody has typed so far on their way to an account. Fields are named as in the forms."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class AgencyDraft:
    """販売店情報 as typed, folded. ``complete`` says that the form had nothing to refuse."""

    company: str = ""
    name: str = ""
    furigana: str = ""
    postal_code: str = ""
    prefecture: str = ""
    city: str = ""
    street: str = ""
    phone: str = ""
    password_hash: str | None = None
    complete: bool = False


@dataclass(frozen=True)
class OwnerDraft:
    """お客様情報 as typed, folded, and the first product; without a serial number it was skipped."""

    name: str = ""
    furigana: str = ""
    postal_code: str = ""
    prefecture: str = ""
    city: str = ""
    street: str = ""
    phone: str = ""
    info_sharing: str = ""
    password_hash: str | None = None
    complete: bool = False
    serial_number: str = ""
    remote_serial_number: str = ""
    installation_postal_code: str = ""
    services: list[str] = field(default_factory=list)
