"""Forms on which an owner consents."""

from collections.abc import Sequence
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import Field, RadioField, SelectMultipleField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than its stubs
from wtforms.validators import Optional
from wtforms.widgets import CheckboxInput, ListWidget

from idp.accounts.folding import fold_email
from idp.accounts.forms import EMAIL_SHAPE, ClubForm, LineField
from idp.accounts.models import Product
from idp.accounts.profile.forms import OwnerProfileForm
from idp.accounts.rules import ProxyLoginMail
from idp.delegation.invitations.rules import read
from idp.delegation.permissions.consent_text import ConsentText
from idp.delegation.rules import DEFAULT_TERM_MONTHS, TERMS_MONTHS
from idp.web import current_settings

STEP = "allow-"
"""Name of the choice of a relying party, before its client_id."""
ALL, SOME = "all", "some"
TERM_NAMES = {3: _l("3か月"), 12: _l("1年"), 36: _l("3年")}


class CustomerForm(OwnerProfileForm):
    """お客様情報 with the address of an agency that may sign in for the owner."""

    invitation = LineField("", read, validators=[])
    """Code of the agency's leaflet that brought the owner here; it fills in the address, no more."""
    agency_email = LineField(
        _l("ログインを許可する販売店・業者様のメールアドレス"),
        fold_email,
        validators=[Optional(), EMAIL_SHAPE],
    )


class ConsentForm(ClubForm):
    """What the owner allows the agency, and for how long. The least is chosen at first.

    The choices are those of one owner at one moment (``consent_form``): nothing else can be sent with it.
    """

    term = RadioField(
        _l("許可する期間"),
        choices=[SelectChoice(str(months), TERM_NAMES[months]) for months in TERMS_MONTHS],
        default=str(DEFAULT_TERM_MONTHS),
    )

    def steps(self) -> dict[str, Field]:
        """Return the choice at each relying party, by its client_id."""
        fields = self._fields.items()
        return {name.removeprefix(STEP): field for name, field in fields if name.startswith(STEP)}

    def chosen_steps(self) -> dict[str, str]:
        """Return the permission of the chosen step by client_id, where anything is allowed."""
        return {client_id: field.data for client_id, field in self.steps().items() if field.data}

    def chosen_products(self) -> frozenset[int] | None:
        """Return the numbers of the products that it is limited to; None for all of them."""
        if "products" not in self._fields or self._fields["products"].data == ALL:
            return None
        return frozenset(self._fields["chosen"].data)

    def validate(self, extra_validators: Any = None) -> bool:
        """Check also what two choices say together."""
        valid = super().validate(extra_validators)
        if not self.steps():
            phone = current_settings().contact_phone
            self.form_errors.append(
                _("いまは、許可できるアプリがありません。%(phone)s へお電話ください。", phone=phone)
            )
        elif valid and not self.chosen_steps():
            self.form_errors.append(
                _("どのアプリも「許可しない」になっています。許可するものを一つ以上選んでください。")
            )
        chosen = self._fields.get("chosen")
        if chosen is not None and chosen.errors:
            chosen.errors = [_("いまは選べない製品があります。もう一度お選びください。")]
        elif chosen is not None:
            if self._fields["products"].data == SOME and not chosen.data:
                chosen.errors = [_("許可する製品を一つ以上選んでください。")]
            if self._fields["products"].data == ALL and chosen.data:
                chosen.errors = [
                    _("製品にチェックがついています。その製品だけを許可するときは「選んだ製品だけ」を、"
                      "すべて許可するときはチェックを外してください。")
                ]  # fmt: skip
        return not self.errors


def consent_form(
    formdata: Any, text: ConsentText, products: Sequence[Product], *, is_sent: bool
) -> ConsentForm:
    """Return the form with the choices of this text and, where there are several, of these products.

    At first the least is chosen that is anything: the first relying party's least step, nothing of others.
    """
    fields: dict[str, Any] = {}
    alone = len(text.apps) == 1
    for app in text.apps:
        choices = [SelectChoice(step.name, step.title) for step in app.steps]
        if not alone:
            choices.insert(0, SelectChoice("", _("許可しない")))
        label = _("許可する内容") if alone else _("%(app)sで許可する内容", app=app.name)
        default = app.steps[0].name if app is text.apps[0] else ""
        fields[STEP + app.client_id] = RadioField(label, choices=choices, default=default)
    if len(products) > 1:
        fields["products"] = RadioField(
            _("許可する製品"), default=ALL,
            choices=[SelectChoice(ALL, _("すべての製品")), SelectChoice(SOME, _("選んだ製品だけ"))],
        )  # fmt: skip
        fields["chosen"] = SelectMultipleField(
            _("選ぶ製品"), coerce=int,
            choices=[SelectChoice(one.product_id, product_words(one)) for one in products],
            widget=ListWidget(prefix_label=False), option_widget=CheckboxInput(),
        )  # fmt: skip
    offered: type[ConsentForm] = type("OfferedConsentForm", (ConsentForm,), fields)
    return offered(formdata if is_sent else None)


def product_words(product: Product) -> str:
    """Return what an owner knows a product by: model, serial number, and where it stands."""
    code = product.installation_postal_code
    known = f"{product.model}　{product.serial_number}"
    return (
        _("%(product)s（設置場所 〒%(code)s）", product=known, code=f"{code[:3]}-{code[3:]}")
        if code
        else known
    )


class ProxyLoginMailForm(ClubForm):
    """Whether the owner wants a mail at each proxy login."""

    proxy_login_mail = RadioField(
        _l("代理ログインがあったとき、メールでお知らせしますか"),
        choices=[
            SelectChoice(ProxyLoginMail.EACH, _l("毎回知らせる")),
            SelectChoice(ProxyLoginMail.DAILY, _l("1日1回まとめて知らせる（次の日の朝）")),
            SelectChoice(ProxyLoginMail.NEVER, _l("知らせない")),
        ],
    )
