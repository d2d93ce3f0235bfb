"""The consent text of the owner's page, in the language of the page: what is shown is what is stored.

The page (``delegation/customer_confirm.html``) takes each of its lines from here, so that the stored text
cannot say anything else.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from flask_babel import get_locale
from flask_babel import gettext as _

from idp.delegation.permissions.service import ActingApp, PermissionWords
from idp.web import current_settings


@dataclass(frozen=True)
class StepText:
    """One choice as it is shown."""

    name: str
    title: str
    can: tuple[str, ...]
    cannot: tuple[str, ...]


@dataclass(frozen=True)
class AppText:
    """The choices at one relying party."""

    client_id: str
    name: str
    steps: tuple[StepText, ...]


@dataclass(frozen=True)
class ConsentText:
    """Everything that the page says of what is allowed, apart from names of agency, owner and products."""

    apps: tuple[AppText, ...]
    never: tuple[str, ...]
    until: tuple[str, ...]
    stop: tuple[str, ...]
    told: tuple[str, ...]

    def lines(self) -> dict[str, list[str]]:
        """Return it as it is stored."""
        steps: dict[str, list[str]] = {}
        for app in self.apps:
            for step in app.steps:
                place = f"{app.name} – {step.title}"
                steps[f"{place}: {_('できること')}"] = list(step.can)
                steps[f"{place}: {_('できないこと')}"] = list(step.cannot)
        return {
            **steps, _("どれを選んでも、できないこと"): list(self.never), _("いつまで"): list(self.until),
            _("やめかた"): list(self.stop), _("申請すると相手に伝わること"): list(self.told),
        }  # fmt: skip


def consent_text(apps: Sequence[ActingApp]) -> ConsentText:
    """Return the text for these relying parties."""
    return ConsentText(
        tuple(
            AppText(app.client_id, app.name, tuple(step_text(step.words) for step in app.steps))
            for app in apps
        ),
        never=never_lines(), until=until_lines(), stop=stop_lines(), told=_told(),
    )  # fmt: skip


def step_text(words: PermissionWords) -> StepText:
    """Return a permission's words in the language of the page."""
    if get_locale().language == "en":
        return StepText(words.name, words.title_en, words.can_en, words.cannot_en)
    return StepText(words.name, words.title, words.can, words.cannot)


def never_lines() -> tuple[str, ...]:
    """Return what no grant ever allows."""
    return (
        _("パスワード、メールアドレス、ログインの方法を見たり変えたりすること"),
        _("お客様の氏名や住所などの登録情報を変えること"),
        _("ほかの会社にログインを許可すること"),
    )


def until_lines() -> tuple[str, ...]:
    """Return when a grant is over by itself."""
    return (
        _("販売店・業者様が承認した日から数えます。期間が終わると、自動的に使えなくなります。"),
        _("終わる%(days)d日前に、メールでお知らせします。", days=current_settings().term_reminder_days),
    )


def stop_lines() -> tuple[str, ...]:
    """Return how an owner ends it."""
    return (
        _("「お客様情報」のページの「許可を取り消す」を押すと、すぐに使えなくなります。"),
        _("お電話（%(phone)s）でも承ります。", phone=current_settings().contact_phone),
    )


def _told() -> tuple[str, ...]:
    return (
        _("お客様について: 氏名、フリガナ、都道府県、市区町村、町名番地、メールアドレス、ユーザーID、登録日"),
        _("登録製品について: Product ID、システム機種名、システム製造番号、室内リモコン製造番号、"
          "設置場所郵便番号、見守りサービス・気象警報自動制御・早期注意情報自動制御・AI自動制御の加入状況"
          "（製品を選んだときは、その製品だけ）"),
        _("申請について: 許可する内容、許可する期間、許可する製品、申請日"),
    )  # fmt: skip
