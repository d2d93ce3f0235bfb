"""What the macros make of a form: labels, support text and errors that a screen reader can follow."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask, render_template_string
from flask_babel import Babel, lazy_gettext
from flask_wtf import CSRFProtect
from jinja2 import StrictUndefined
from werkzeug.datastructures import MultiDict
from wtforms import Form, PasswordField, RadioField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired

TEMPLATES = Path(__file__).parents[2] / "templates"
IMPORTS = '{% from "_macros/forms.html" import errors, field %}'


class ConsentForm(Form):
    """A form with each kind of control that has markup of its own."""

    furigana = StringField("フリガナ", [InputRequired(lazy_gettext("全角カタカナで入力してください。"))])
    password = PasswordField("ログインパスワード")
    permission = RadioField(
        "許可する範囲",
        [InputRequired(lazy_gettext("許可する範囲を選択してください。"))],
        choices=[SelectChoice("read", "閲覧のみ"), SelectChoice("write", "閲覧と設定変更")],
    )


@pytest.fixture(autouse=True)
def page() -> Iterator[None]:
    """Open a request of an application that has nothing but the templates."""
    app = Flask(__name__, template_folder=TEMPLATES)
    app.config.update(SECRET_KEY="only for this test")
    app.jinja_env.undefined = StrictUndefined
    Babel(app, default_locale="ja")
    CSRFProtect(app)
    with app.test_request_context():
        yield


def refused() -> ConsentForm:
    form = ConsentForm(MultiDict())
    assert not form.validate()
    return form


def test_a_fresh_form_shows_no_errors() -> None:
    assert render_template_string(IMPORTS + "{{ errors(form) }}", form=ConsentForm()).strip() == ""
    assert "aria-invalid" not in render_template_string(
        IMPORTS + "{{ field(form.furigana) }}", form=ConsentForm()
    )


def test_the_summary_links_each_error_to_its_control() -> None:
    page = render_template_string(IMPORTS + "{{ errors(form) }}{{ field(form.permission) }}", form=refused())
    assert '<a href="#furigana">フリガナ：全角カタカナで入力してください。</a>' in page
    assert '<a href="#permission-0">許可する範囲を選択してください。</a>' in page
    assert 'id="permission-0"' in page


def test_an_error_is_shown_and_read_out_with_its_control() -> None:
    page = render_template_string(IMPORTS + '{{ field(form.furigana, support="読み方") }}', form=refused())
    assert "<p>＊全角カタカナで入力してください。</p>" in page
    assert 'aria-describedby="furigana-support furigana-error"' in page
    assert 'aria-invalid="true"' in page


def test_a_required_control_says_so_and_an_optional_one_too() -> None:
    form = ConsentForm()
    assert "必須" in render_template_string(IMPORTS + "{{ field(form.furigana) }}", form=form)
    optional = render_template_string(IMPORTS + "{{ field(form.password, required=False) }}", form=form)
    assert "任意" in optional
    assert " required" not in optional


def test_radios_are_one_group_whose_legend_is_the_label() -> None:
    markup = IMPORTS + '{{ field(form.permission, cards=True, descriptions={"read": "見るだけです。"}) }}'
    page = render_template_string(markup, form=ConsentForm())
    assert page.count("<legend") == 1
    assert 'aria-describedby="permission-0-words"' in page
    assert page.count('type="radio"') == 2
