"""The part of the tour past システム連携, an agency's own systems."""

import json
from collections.abc import Iterator

from idp.oauth.keys import new_client_key
from tests.journeys.club import Club
from tests.journeys.person import Crowd
from tests.journeys.stops import Chapter, Stop, pages

NAME = "発電量レポート"


def systems(club: Club, crowd: Crowd) -> Iterator[Stop]:
    """A manager registers a system, tries its address, stops it and removes it."""
    key = {name: value for name, value in new_client_key().items() if name != "d"}
    manager = crowd().enter_portal(club.casting.agency().email).open(f"{club.idp}/agency")
    yield Stop("systems-empty", manager.follow("システム連携"))
    yield Stop("system-new", manager.follow("システムを登録する"))
    yield Stop("system-refused", manager.press("登録する"))
    manager.fill({
        "システムの名前": NAME, "公開鍵": json.dumps(key),
        "お知らせを受け取るアドレス": f"{club.portal}/no-such-receiver",
    }).choose("マイページ")  # fmt: skip
    yield Stop("system", manager.press("登録する"))
    yield Stop("system-tested", manager.press("テストのお知らせを送る"))
    yield Stop("system-change", manager.follow("登録内容や鍵を変更する"))
    yield Stop("system-stop", manager.follow("やめて戻る").follow("停止する"))
    yield Stop("system-stopped", manager.press("停止する"))
    yield Stop("systems", manager.follow("システム連携へ戻る"))
    yield Stop("system-remove", manager.follow("詳細").follow("削除する"))


CHAPTERS = {
    "systems": Chapter(
        "業者様のシステムとの連携",
        systems,
        pages(
            idp="systems.index systems.new systems.show systems.edit systems.confirm_stop "
            "systems.confirm_remove"
        ),
    ),
}
