"""What マイページ lets agencies do, as it registers it: the steps 閲覧のみ and 閲覧と設定変更."""

from idp.delegation.disclosures.rules import (
    ADDRESS,
    EMAIL,
    FURIGANA,
    INSTALLATION,
    MODEL,
    NAME,
    PRODUCT_ID,
    REMOTE_SERIAL,
    SERIAL,
    SERVICES,
)
from idp.delegation.permissions.service import PermissionWords
from idp.delegation.rules import READ, WRITE

_SEE = (
    "お客様情報（氏名・住所・電話番号・メールアドレス）を見ること",
    "製品の登録状況、サービスの加入状況、電力データを見ること",
)
_SEE_EN = (
    "See your details (name, address, telephone number and email address)",
    "See your registered products, the services you have joined and your power data",
)
_CHANGE = "見守りサービスやAI自動制御などのサービスに加入すること、やめること"
_CHANGE_EN = "Join and leave services, such as the monitoring service and AI automatic control"
_REGISTER, _REGISTER_EN = "新しい製品を登録すること", "Register new products"
_ITEMS = (
    NAME, FURIGANA, ADDRESS, "電話番号", EMAIL, PRODUCT_ID, MODEL, SERIAL, REMOTE_SERIAL, INSTALLATION,
    SERVICES, "電力データ",
)  # fmt: skip
_ITEMS_EN = (
    "Name", "Name in katakana", "Address", "Telephone number", "Email address", "Product ID", "Model",
    "Serial number", "Serial number of the remote control", "Postal code of the installation",
    "Services joined", "Power data",
)  # fmt: skip

MYPAGE_PERMISSIONS = (
    PermissionWords(
        READ, "閲覧のみ", "View only", can=_SEE, can_en=_SEE_EN, cannot=(_CHANGE, _REGISTER),
        cannot_en=(_CHANGE_EN, _REGISTER_EN), items=_ITEMS, items_en=_ITEMS_EN,
    ),
    PermissionWords(
        WRITE, "閲覧と設定変更", "View and change settings", can=(*_SEE, _CHANGE),
        can_en=(*_SEE_EN, _CHANGE_EN), cannot=(_REGISTER,), cannot_en=(_REGISTER_EN,),
        items=_ITEMS, items_en=_ITEMS_EN,
    ),
)  # fmt: skip
