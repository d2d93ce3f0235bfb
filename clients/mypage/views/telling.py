"""What マイページ tells an owner of those who act for them: what they saw, and what they changed."""

from collections.abc import Iterable

from clients.mypage.records import Product, ServiceName
from clients.relying_party import RelyingParty

NAMES = {
    ServiceName.WATCH: ("見守りサービス", "monitoring service"),
    ServiceName.WEATHER_WARNING: ("気象警報自動制御", "automatic control by weather warnings"),
    ServiceName.EARLY_ADVISORY: ("早期注意情報自動制御", "automatic control by early advisories"),
    ServiceName.AI_CONTROL: ("AI自動制御", "AI automatic control"),
}
"""In both languages: the owner reads one of them, whatever language those who act have chosen."""


def tell_of_customer(rp: RelyingParty) -> None:
    """Tell that お客様情報 was seen."""
    rp.report_activity(
        "viewed",
        item="お客様情報",
        description="お客様情報（氏名、住所、電話番号、メールアドレスなど）",
        description_en="Customer information (name, address, telephone number, e-mail address and so on)",
    )


def tell_of_products(rp: RelyingParty) -> None:
    """Tell that the products and their services were seen."""
    rp.report_activity(
        "viewed",
        item="製品情報",
        description="製品情報とサービスの加入状況",
        description_en="Products and the services they have joined",
    )


def tell_of_power(rp: RelyingParty, product: Product) -> None:
    """Tell that power data of a product was seen."""
    named = f"{product.model}、{product.serial_number}"
    rp.report_activity(
        "viewed",
        item="電力データ",
        description=f"電力データ（{named}）",
        description_en=f"Power data ({product.model}, {product.serial_number})",
    )


def tell_of_change(rp: RelyingParty, product: Product, services: Iterable[tuple[ServiceName, bool]]) -> None:
    """Tell that services of a product were joined or left; each time, and not only once."""
    changes = list(services)
    words = [f"{NAMES[name][0]}{'に加入' if joined else 'を解約'}" for name, joined in changes]
    english = [f"{'joined' if joined else 'left'} {NAMES[name][1]}" for name, joined in changes]
    rp.report_activity(
        "changed",
        item="サービスの加入状況",
        description=f"{product.model}: {'、'.join(words)}",
        description_en=f"{product.model}: {', '.join(english)}",
        once=False,
    )
