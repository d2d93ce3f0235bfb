"""The form with which a manager registers and changes a system."""

from collections.abc import Sequence

from flask_babel import LazyString
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import SelectMultipleField, TextAreaField
from wtforms.widgets import CheckboxInput, ListWidget

from idp.accounts.folding import fold_name
from idp.accounts.forms import LONGEST_NAME, ClubForm, LineField, Needed, choice, no_longer_than
from idp.oauth.client_metadata import ClientMetadataRefused
from idp.oauth.consent.words import localized
from idp.oauth.models import Client
from idp.oauth.systems.keys import read_keys
from idp.oauth.systems.rules import KeysRefused, KeyTrouble
from idp.oauth.systems.service import SystemDetails, keys_text

LONGEST_KEYS = 64 * 1024
_KEY_TROUBLE: dict[KeyTrouble, LazyString] = {
    KeyTrouble.UNREADABLE: _l(
        "公開鍵として読み取れません。「-----BEGIN PUBLIC KEY-----」で始まるPEM、またはJWK SetのJSONを、"
        "そのまま貼り付けてください。"
    ),
    KeyTrouble.PRIVATE: _l(
        "秘密鍵が含まれているため、保存しませんでした。その鍵はもう使わず、新しい鍵を作り、公開鍵だけを貼り付けてください。"
    ),
    KeyTrouble.WEAK: _l(
        "この種類の鍵は使えません。楕円曲線P-256、Ed25519、または2048ビット以上のRSAの鍵をお使いください。"
    ),
}
_WRONG_ADDRESS = _l("https:// で始まり、インターネットから届くアドレスを入力してください。")
_FIELD_OF = {
    "client_name": "name", "act_as_audiences": "audiences", "jwks_uri": "jwks_uri",
    "event_receiver_uri": "event_receiver_uri",
}  # fmt: skip


class SystemForm(ClubForm):
    """A system: its name, its public keys or where they are, its apps, and where it is told of changes."""

    name = LineField(_l("システムの名前"), fold_name, validators=[Needed(), no_longer_than(LONGEST_NAME)])
    audiences = SelectMultipleField(
        _l("利用するアプリ"), validators=[Needed(choose=True)], validate_choice=False, choices=[],
        option_widget=CheckboxInput(), widget=ListWidget(prefix_label=False),
    )  # fmt: skip
    keys = TextAreaField(
        _l("公開鍵"), filters=[lambda text: (text or "").strip()], validators=[no_longer_than(LONGEST_KEYS)]
    )
    jwks_uri = LineField(_l("公開鍵のアドレス"), str.strip, validators=[no_longer_than(2048)])
    event_receiver_uri = LineField(
        _l("お知らせを受け取るアドレス"), str.strip, validators=[no_longer_than(2048)]
    )

    def offer(self, apps: Sequence[Client]) -> None:
        """Name the apps that can be chosen."""
        self.audiences.choices = [choice(app.client_id, localized(app, "client_name")) for app in apps]

    def fill_in(self, system: Client) -> None:
        """Fill the form in with what is registered."""
        self.process(
            name=system.client_name, audiences=system.act_as_audiences, keys=keys_text(system),
            jwks_uri=system.jwks_uri or "", event_receiver_uri=system.event_receiver_uri or "",
        )  # fmt: skip

    def details(self) -> SystemDetails | None:
        """Return what was typed, or None where something stands beside its field as wrong."""
        is_valid, jwks = self.validate(), None
        if bool(self.keys.data) == bool(self.jwks_uri.data):
            self.keys.errors = [
                _("公開鍵を貼り付けるか、公開鍵のアドレスを入力してください。両方はいりません。")
            ]
        elif self.keys.data:
            try:
                jwks = read_keys(self.keys.data)
            except KeysRefused as refused:
                self.keys.errors = [str(_KEY_TROUBLE[refused.trouble])]
        if not is_valid or self.keys.errors:
            if jwks is None and self.keys.errors:
                self.keys.data = ""  # a private key is not shown once more, nor kept by the browser's history
            return None
        return SystemDetails(
            self.name.data or "", audiences=tuple(dict.fromkeys(self.audiences.data or ())), jwks=jwks,
            jwks_uri=self.jwks_uri.data or None, event_receiver_uri=self.event_receiver_uri.data or None,
        )  # fmt: skip

    def refuse(self, refused: ClientMetadataRefused) -> None:
        """Show beside its field why something cannot be registered."""
        field = self[_FIELD_OF.get(refused.field_name, "keys")]
        is_address = refused.field_name in {"jwks_uri", "event_receiver_uri"}
        words = {
            "audiences": _("アプリを選んでください。"),
            "name": _("この名前は使えません。読める文字で入力してください。"),
        }
        field.errors = [str(_WRONG_ADDRESS) if is_address else words.get(field.name, str(refused))]
