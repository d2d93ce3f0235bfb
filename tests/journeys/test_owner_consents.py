"""2. お客様のログイン許可: an owner names an agency, sees who it is, chooses, and consents."""

from tests.journeys.club import Club
from tests.journeys.delegating import AGENCY_FIELD, name_agency
from tests.journeys.person import Crowd, Person


def open_the_form(owner: Person, email: str) -> Person:
    """Go the way of the manual, from オーナーズ倶楽部MENU to the form."""
    owner.open(owner.club.mypage)
    assert owner.heading == "オーナーズ倶楽部MENU"
    owner.follow("マイページ").sign_in(email)
    owner.follow("お客様情報やサービス加入状況を見る")
    assert owner.heading == "お客様情報"
    return owner.follow("登録情報を変更する")


def test_an_owner_consents_to_what_they_have_seen(visitor: Person, club: Club) -> None:
    part, agency = club.casting.owner(), club.casting.agency()
    name_agency(open_the_form(visitor, part.email), f" {agency.email.upper()} ")
    shown = visitor.details()
    assert shown["企業名"] == agency.name
    assert shown["販売店ID（メールアドレス）"] == agency.email
    assert visitor.page.get_by_label("閲覧のみ", exact=True).is_checked()
    look, change = visitor.page.locator(".choice-lists").all_inner_texts()
    assert "見ること" in look
    assert "サービスに加入すること" in look.split("できないこと")[1]
    assert "サービスに加入すること" in change.split("できないこと")[0]
    never = visitor.page.locator(".cannot").last.inner_text()
    assert "パスワード、メールアドレス、ログインの方法" in never
    assert not club.letters(agency.email)

    visitor.choose("閲覧と設定変更").choose("3か月").press("確認する")
    assert f"{agency.name} 様に、ログイン連携の申請をお送りしました。" in visitor.main
    assert "申請中" in visitor.main
    shown = visitor.details()
    assert shown["許可する内容"] == "閲覧と設定変更"
    assert shown["期間"] == "販売店・業者様が承認した日から3か月"

    letter = club.letter(agency.email, "申請がありました")
    assert letter.subject == "[ニチコンオーナーズ倶楽部]ログイン連携の申請がありました。"
    lines = letter.text.splitlines()
    for words in (
        "下記のオーナー様より、ログイン連携の申請がありました。",
        "氏名: 森 千代子",
        "フリガナ: モリ チヨコ",
        "都道府県: 京都府",
        "市区町村: 京都市中京区",
        "町名番地: 烏丸通御池上る3-4",
        f"メールアドレス: {part.email}",
        "システム機種名: ESS-U4X1",
        f"システム製造番号: {part.serials[0]}",
        "下記の URL にアクセスして、申請を許可してください。",
        f"{club.idp}/agency_admin/{part.user_id}",
    ):
        assert words in lines


def test_an_address_of_no_agency_is_refused_and_nothing_leaves(visitor: Person, club: Club) -> None:
    part = club.casting.owner()
    for nobody in ("nobody@example.jp", club.casting.owner().email):
        name_agency(open_the_form(visitor, part.email), nobody)
        assert "＊このメールアドレスの販売店・業者様は登録されていません。" in visitor.errors[0]
        assert "0120-000-000" in visitor.errors[0]
        assert visitor.value(AGENCY_FIELD) == nobody
        assert not club.letters(nobody)
        visitor.context.clear_cookies()
    visitor.enter_mypage(part.email).open(f"{club.idp}/account")
    assert "いま、ログインを許可している販売店・業者様はありません。" in visitor.main


def test_going_back_from_the_confirmation_loses_nothing(visitor: Person, club: Club) -> None:
    part, agency = club.casting.owner(), club.casting.agency()
    open_the_form(visitor, part.email).fill({"町名番地(建物名)": "新しい町5-6", "電話番号": "075-999-8888"})
    name_agency(visitor, agency.email).press("戻って修正する")
    assert visitor.value("町名番地(建物名)") == "新しい町5-6"
    assert visitor.value("電話番号") == "0759998888"
    assert visitor.value(AGENCY_FIELD) == agency.email
    assert not club.letters(agency.email)
    visitor.fill({AGENCY_FIELD: ""}).press("確認する").press("確認する")
    assert "登録情報を変更しました。" in visitor.main
    assert visitor.details()["町名番地"] == "新しい町5-6"


def test_several_agencies_stand_side_by_side_each_with_its_own_terms(person: Crowd, club: Club) -> None:
    part, first, second = club.casting.owner(), club.casting.agency(), club.casting.agency()
    owner = person()
    name_agency(open_the_form(owner, part.email), first.email).choose("3年").press("確認する")
    name_agency(owner.follow("登録情報を変更する"), second.email).choose("閲覧と設定変更").press("確認する")
    cards = owner.page.locator("section.card", has=owner.page.locator(".badge-requested"))
    texts = {agency: cards.filter(has_text=agency.email).inner_text() for agency in (first, second)}
    assert "閲覧のみ" in texts[first]
    assert "販売店・業者様が承認した日から3年" in texts[first]
    assert "閲覧と設定変更" in texts[second]
    assert "販売店・業者様が承認した日から1年" in texts[second]


def test_asking_the_same_agency_twice_says_that_it_was_asked(person: Crowd, club: Club) -> None:
    part, agency = club.casting.owner(), club.casting.agency()
    club.casting.consent(part, agency, approved=False)
    owner = person()
    name_agency(open_the_form(owner, part.email), agency.email)
    assert "申請中です" in owner.errors[0]
    assert len(club.letters(agency.email)) == 1


def test_an_owner_takes_a_request_back(visitor: Person, club: Club) -> None:
    part, agency = club.casting.owner(), club.casting.agency()
    club.casting.consent(part, agency, approved=False)
    visitor.enter_mypage(part.email).open(f"{club.idp}/account").follow("申請を取り下げる")
    assert visitor.heading == "申請を取り下げますか"
    assert agency.name in visitor.main
    visitor.press("申請を取り下げる")
    assert f"{agency.name} 様への申請を取り下げました。" in visitor.main
    assert part.name in club.letter(agency.email, "申請が取り下げられました。").text


def test_a_link_from_the_agency_brings_its_address_along(person: Crowd, club: Club) -> None:
    part, agency = club.casting.owner(), club.casting.agency()
    owner = person().open(f"{club.idp}/account/edit?agency={agency.email}").sign_in(part.email)
    assert owner.value(AGENCY_FIELD) == agency.email
