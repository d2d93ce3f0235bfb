"""On what occasions an owner's data goes to an agency, what goes there, and how long the record is kept.

Pure. The law (個人情報保護法 29条・30条, 施行規則 19条〜25条) asks both sides for a record with the day, who
received, whose data it was, which items, and the consent. Items are named by kind, as owners read them.
"""

from datetime import datetime
from enum import StrEnum


class Occasion(StrEnum):
    """How an owner's data went to an agency."""

    REQUEST = "request"
    """The mail about the owner's request; and list and page, until it is answered."""
    APPROVAL = "approval"
    """List and page, for as long as the grant stands."""
    EXPORT = "export"
    """A row of the list as a file (CSV)."""
    PROXY_LOGIN = "proxy_login"
    """A member of the agency in an application."""
    SYSTEM = "system"
    """The agency's own system at an API."""

    @property
    def lasts(self) -> bool:
        """Whether one record stands for all the time that the grant stands (施行規則 19条2項, 一括)."""
        return self in {Occasion.REQUEST, Occasion.APPROVAL}


IN_WORDS = {
    Occasion.REQUEST: "お客様の申請(申請のメールと管理画面)",
    Occasion.APPROVAL: "連携の許可(連携中の管理画面での閲覧)",
    Occasion.EXPORT: "登録ユーザー一覧のファイル出力(CSV)",
    Occasion.PROXY_LOGIN: "代理ログイン",
    Occasion.SYSTEM: "販売店・業者様のシステムによる取得(API)",
}
"""The occasions as exported files name them, for a reader who has no screen of ours."""
NAME, FURIGANA, EMAIL, USER_ID = "氏名", "フリガナ", "メールアドレス", "ユーザーID"
ADDRESS, REGISTERED = "都道府県・市区町村・町名番地", "登録日"
MODEL, SERIAL, REMOTE_SERIAL = "システム機種名", "システム製造番号", "室内リモコン製造番号"
PRODUCT_ID, INSTALLATION = "Product ID", "設置場所郵便番号"
SERVICES = "サービスの加入状況"
PAGE_ITEMS = (
    NAME, FURIGANA, ADDRESS, EMAIL, USER_ID, REGISTERED, PRODUCT_ID, MODEL, SERIAL, REMOTE_SERIAL,
    INSTALLATION, SERVICES,
)  # fmt: skip
"""What mail, list and page show to the agency of each owner whose request or permission stands."""


def kept_since(now: datetime, years: int) -> datetime:
    """Return the moment before which records have served their time: the same day, so many years ago.

    The 29th of February becomes the 28th, so that nothing goes a day too early.
    """
    try:
        return now.replace(year=now.year - years)
    except ValueError:
        return now.replace(year=now.year - years, day=28)
