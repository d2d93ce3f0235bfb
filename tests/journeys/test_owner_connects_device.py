"""An owner lets the display on the wall see the products, with a telephone in the hand."""

import re
import subprocess
import sys

import requests
from sqlalchemy import update

from idp import clock
from idp.oauth.device.models import DeviceRequest
from tests.journeys.club import Club
from tests.journeys.devices import NEVER_SHOWN, switch_on
from tests.journeys.person import OLD_PHONE, Crowd, Person


def test_an_owner_types_the_number_and_the_display_goes_on(visitor: Person, club: Club) -> None:
    owner, display = club.casting.owner(), switch_on(club)
    assert display.poll()["error"] == "authorization_pending"
    visitor.open(str(display.body["verification_uri"]))
    assert visitor.heading == "機器をつなぐ"
    full_width = display.number.translate(str.maketrans("0123456789-", "０１２３４５６７８９ー"))
    visitor.fill({"番号": f" {full_width}"}).press("次へ").sign_in(owner.email)
    assert visitor.heading == "この機器をつなぎますか"
    assert display.number in visitor.main
    shown = visitor.details()
    assert shown["つなぐ機器"] == "おうちの電力モニター"
    assert shown["機器のある場所"] == "この画面と同じ回線（おうちのネット回線など）"
    assert display.poll()["error"] in {"authorization_pending", "slow_down"}

    visitor.press("許可する")
    assert visitor.heading == "機器をつなぎました"
    tokens = display.poll()
    answer = requests.get(
        f"{club.idp}/api/me/products",
        timeout=10,
        headers={"Authorization": f"Bearer {tokens['access_token']}"},
    )
    assert [one["serial_number"] for one in answer.json()["items"]] == list(owner.serials)
    visitor.page.reload()
    assert visitor.heading == "機器をつなぎました"


def test_a_qr_code_leads_to_the_question_and_not_past_it(visitor: Person, club: Club) -> None:
    display = switch_on(club)
    visitor.open(display.qr_code).sign_in(club.casting.owner().email)
    assert visitor.heading == "この機器をつなぎますか"
    assert display.poll()["error"] == "authorization_pending"
    visitor.press("許可しない")
    assert visitor.heading == "機器をつなぎませんでした"
    assert display.poll()["error"] == "access_denied"
    visitor.open(display.qr_code)
    assert visitor.heading == "この番号は使い終わっています"


def test_whoever_mistypes_or_comes_late_reads_what_to_do(visitor: Person, club: Club) -> None:
    visitor.open(f"{club.idp}/device").fill({"番号": "1234"}).press("次へ")
    assert visitor.errors == ["＊番号は8桁の数字です。機器の画面を見て、もう一度入力してください。"]
    visitor.fill({"番号": NEVER_SHOWN}).press("次へ").sign_in(club.casting.owner().email)
    assert "この番号の機器が見つかりません" in visitor.main
    display = switch_on(club)
    with club.engine.begin() as connection:
        connection.execute(update(DeviceRequest).values(expires_at=clock.now()))
    visitor.fill({"番号": display.number}).press("次へ")
    assert visitor.heading == "この番号は期限が切れています"
    visitor.follow("番号を入力する")
    assert visitor.heading == "機器をつなぐ"


def test_after_many_wrong_numbers_the_owner_waits(visitor: Person, club: Club) -> None:
    visitor.open(f"{club.idp}/device?user_code={NEVER_SHOWN}").sign_in(club.casting.owner().email)
    for _ in range(9):
        visitor.fill({"番号": NEVER_SHOWN}).press("次へ")
    display = switch_on(club)
    visitor.fill({"番号": display.number}).press("次へ")
    assert visitor.heading == "しばらくお待ちください"
    assert "10分ほどお待ちください。" in visitor.main


def test_the_display_of_the_demo_shows_the_products_of_whoever_let_it_in(person: Crowd, club: Club) -> None:
    owner = club.casting.owner()
    display = subprocess.Popen(
        [sys.executable, "-m", "clients.display", "--issuer", club.idp], stdout=subprocess.PIPE, text=True
    )
    assert display.stdout is not None
    number = next(found[0] for line in display.stdout if (found := re.search(r"[0-9]{4}-[0-9]{4}", line)))
    phone = person(OLD_PHONE).open(f"{club.idp}/device").fill({"番号": number}).press("次へ")
    phone.sign_in(owner.email).press("許可する")
    shown, _ = display.communicate(timeout=30)
    assert display.returncode == 0
    assert f"{owner.name} 様" in shown
    assert owner.serials[0] in shown
