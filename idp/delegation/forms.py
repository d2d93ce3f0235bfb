"""Forms on which an owner consents."""

from flask_babel import lazy_gettext as _l
from wtforms import RadioField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than its stubs
from wtforms.validators import Optional

from idp.accounts.folding import fold_email
from idp.accounts.forms import EMAIL_SHAPE, ClubForm, LineField
from idp.accounts.profile.forms import OwnerProfileForm
from idp.accounts.rules import ProxyLoginMail
from idp.delegation.rules import DEFAULT_TERM_MONTHS, TERMS_MONTHS

TERM_NAMES = {3: _l("3か月"), 12: _l("1年"), 36: _l("3年")}


class CustomerForm(OwnerProfileForm):
    """お客様情報 with the address of an agency that may sign in for the owner."""

    agency_email = LineField(
        _l("ログインを許可する販売店・業者様のメールアドレス"),
        fold_email,
        validators=[Optional(), EMAIL_SHAPE],
    )


class ConsentForm(ClubForm):
    """What the owner allows the agency, and for how long. The least is chosen at first."""

    permissions = RadioField(
        _l("許可する内容"),
        choices=[SelectChoice("read", _l("閲覧のみ")), SelectChoice("write", _l("閲覧と設定変更"))],
        default="read",
    )
    term = RadioField(
        _l("許可する期間"),
        choices=[SelectChoice(str(months), TERM_NAMES[months]) for months in TERMS_MONTHS],
        default=str(DEFAULT_TERM_MONTHS),
    )


class ProxyLoginMailForm(ClubForm):
    """Whether the owner wants a mail at each proxy login."""

    proxy_login_mail = RadioField(
        _l("代理ログインがあったとき、メールでお知らせしますか"),
        choices=[
            SelectChoice(ProxyLoginMail.EACH, _l("毎回知らせる")),
            SelectChoice(ProxyLoginMail.NEVER, _l("知らせない")),
        ],
    )
