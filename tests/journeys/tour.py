"""A walk past every page of all three parties, for whoever wants to look at each: checks, and the gallery.

A chapter yields a ``Stop`` at each page and goes on when it has been looked at. Whoever looks may resize the
window, but not press anything.
"""

from collections.abc import Iterator

from sqlalchemy import func, select, update

from idp.accounts.models import Account, Member
from idp.accounts.rules import MemberRole
from idp.demo import UNCLAIMED
from idp.mail.models import OutboxItem, Topic
from tests.journeys import mailed_links, tour_records, tour_rules, tour_staff, tour_systems
from tests.journeys.apps_of_others import asking, register_app
from tests.journeys.club import Club
from tests.journeys.delegating import act_for, choose_product, name_agency, revoke
from tests.journeys.devices import NEVER_SHOWN, switch_on
from tests.journeys.mailed_links import ask, make_old
from tests.journeys.person import Crowd
from tests.journeys.registering import SEVERAL, fill_in_agency, fill_in_owner, new_address
from tests.journeys.stops import Chapter, Stop, pages
from tests.mail.letters import EVERY_MAIL, post

UNKNOWN = "00000000-0000-4000-8000-000000000000"


def agency_registers(club: Club, crowd: Crowd) -> Iterator[Stop]:
    """業者様の新規会員登録, with all that can become of a link."""
    agency = crowd()
    yield Stop("entrance", agency.open(club.idp))
    yield Stop("portal-entrance", agency.open(f"{club.portal}/agency/login"))
    yield Stop("agency-sign-in", agency.open(f"{club.idp}/store/linkaccounts"))
    yield Stop("agency-sign-in-refused", agency.sign_in("info@example.jp", "wrong"))
    yield Stop("agency-registration", agency.follow("新規会員登録はこちら"))
    yield Stop("agency-registration-refused", agency.fill({"メールアドレス": "info"}).press("送信する"))
    kind, email = mailed_links.AGENCY, new_address()
    link = ask(agency, kind, email)
    yield Stop("agency-registration-sent", agency)
    yield Stop("agency-details", agency.open(link))
    yield Stop("agency-details-refused", agency.press("確認する"))
    agency.type("郵便番号", SEVERAL).page.locator(".town").first.wait_for()
    yield Stop("agency-details-towns", agency)
    yield Stop("agency-confirm", fill_in_agency(agency).press("確認する"))
    yield Stop("agency-done", agency.press("登録する"))
    yield Stop("link-used", agency.open(link))
    email = new_address()
    replaced, expired = ask(agency, kind, email), ask(agency, kind, email)
    make_old(club, expired)
    yield Stop("link-replaced", agency.open(replaced))
    yield Stop("link-expired", agency.open(expired))
    yield Stop("link-unknown", agency.open(f"{club.idp}{kind.path}unknown"))


def owner_registers(club: Club, crowd: Crowd) -> Iterator[Stop]:
    """An owner registers, and one forgets the password."""
    owner = crowd()
    yield Stop("mypage-menu", owner.open(club.mypage))
    yield Stop("owner-sign-in", owner.follow("マイページ"))
    yield Stop("owner-sign-in-refused", owner.sign_in("hanako@example.jp", "wrong"))
    yield Stop("owner-registration", owner.follow("新規会員登録"))
    link = ask(owner, mailed_links.OWNER, new_address())
    yield Stop("owner-registration-sent", owner)
    yield Stop("owner-details", owner.open(link))
    yield Stop("owner-product", fill_in_owner(owner).press("次へ"))
    taken = club.casting.owner().serials[0]
    yield Stop("owner-product-refused", owner.fill({"システム製造番号": taken}).press("次へ"))
    yield Stop("owner-confirm", owner.fill({"システム製造番号": UNCLAIMED[-1]}).press("次へ"))
    yield Stop("owner-done", owner.press("登録する"))

    kind, email = mailed_links.PASSWORD, club.casting.owner().email
    yield Stop("password-forgotten", owner.open(f"{club.idp}/password/forgot"))
    link = ask(owner, kind, email)
    yield Stop("password-link-sent", owner)
    yield Stop("password-reset", owner.open(link))
    yield Stop("password-reset-done", kind.use(owner))


def owner_consents(club: Club, crowd: Crowd) -> Iterator[Stop]:
    """お客様のログイン許可, and the owner's other pages."""
    part, agency, second = club.casting.owner(units=2), club.casting.agency(), club.casting.agency()
    club.casting.consent(part, second, write=True)
    owner = crowd().enter_mypage(part.email)
    yield Stop("mypage-home", owner)
    yield Stop("mypage-customer", owner.follow("お客様情報やサービス加入状況を見る"))
    yield Stop("customer-edit", owner.follow("登録情報を変更する"))
    yield Stop("customer-edit-refused", name_agency(owner, "nobody@example.jp"))
    yield Stop("customer-confirm", name_agency(owner, agency.email))
    choose_product(owner.choose("選んだ製品だけ"), part.serials[0])
    yield Stop("customer", owner.press("確認する"))
    yield Stop("permission-end", owner.follow("許可を取り消す"))
    yield Stop("permissions", owner.press("許可を取り消す"))
    yield Stop("product-new", owner.open(f"{club.idp}/account/products/new"))
    yield Stop("password-change", owner.open(f"{club.idp}/account/password"))
    yield Stop("mypage-products", owner.open(f"{club.mypage}/products"))
    yield Stop("mypage-services", owner.follow("サービスの加入・解約"))
    yield Stop("mypage-services-confirm", owner.choose_service("watch", "leave").press("確認する"))
    yield Stop("mypage-power-choose", owner.open(f"{club.mypage}/power"))
    yield Stop("mypage-power", owner.follow("ESS-U4X1"))
    owner.open(f"{club.mypage}/products").follow("サービスの加入・解約")
    owner.choose_service("watch", "leave").press("確認する").press("変更する")
    yield Stop("mypage-power-closed", owner.follow("電力データを見る"))
    yield Stop("sign-out-confirm", owner.open(f"{club.idp}/oauth/end-session"))
    yield Stop("signed-out", owner.press("ログアウト"))
    newcomer = crowd().enter_mypage(club.casting.owner(units=0).email)
    yield Stop("mypage-home-without-product", newcomer)


def apps_ask(club: Club, crowd: Crowd) -> Iterator[Stop]:
    """An app that is not the club's own asks, is allowed, and is taken back."""
    garden, native = register_app(club), register_app(club, is_public=True)
    part = club.casting.owner()
    owner = crowd().open(asking(club, garden, login_hint=part.email))
    yield Stop("sign-in-with-hint", owner)
    yield Stop("consent", owner.sign_in(part.email))
    owner.press("許可する").open(asking(club, garden, prompt="consent", scope="openid offline_access"))
    yield Stop("consent-again", owner)
    yield Stop("consent-native", owner.open(asking(club, native, scope="openid")))
    yield Stop("apps", owner.open(f"{club.idp}/account/apps"))
    yield Stop("app-disconnect", owner.follow("許可を取り消す"))
    yield Stop("apps-empty", owner.press("許可を取り消す"))
    # The page sends itself on, so whoever wants to look at it has to hold its script back.
    owner.page.route("**/form_post.js", lambda route: route.fulfill(body="", content_type="text/javascript"))
    owner.open(asking(club, garden, response_mode="form_post"))
    yield Stop("form-post", owner.press("許可しない"))


def agency_answers(club: Club, crowd: Crowd) -> Iterator[Stop]:
    """連携許可, and the agency's own data."""
    agency = club.casting.agency()
    staff = crowd().enter_portal(agency.email)
    yield Stop("agency", staff)
    yield Stop("owners-empty", staff.follow("販売店・業者様向け管理画面を見る"))
    owners = [club.casting.owner(units=units) for units in (2, 1, 1)]
    for owner in owners:
        club.casting.consent(owner, agency, write=True, approved=owner is owners[2])
    yield Stop("owners", staff.open(f"{club.portal}/agency_admin"))
    once_more = club.casting.owner(units=1)
    club.casting.consent(once_more, agency, write=False, approved=False)
    staff.open(f"{club.portal}/agency_admin?state=requested")
    yield Stop("owners-nobody-chosen", staff.press("選んだお客様: 許可しない"))
    staff.open(f"{club.portal}/agency_admin?state=requested").page.locator(
        f"#choose-{once_more.user_id}"
    ).check()
    yield Stop("owners-chosen", staff.press("選んだお客様: 許可しない"))
    yield Stop("owners-decided", staff.press("1名を許可しない"))
    staff.open(f"{club.portal}/agency_admin?state=active")
    yield Stop("owners-assign", staff.press("このページの1名全員: 担当を決める"))
    yield Stop("owners-assign-refused", staff.press("1名の担当を決める"))
    page = f"{club.portal}/agency_admin/{owners[0].user_id}"
    yield Stop("owner-requested", staff.open(page))
    tab = staff.another_tab().open(page)
    yield Stop("owner-approved", staff.press("連携を許可"))
    yield Stop("moved", tab.press("連携を許可"))
    yield Stop("release-confirm", staff.press("連携を終了する"))
    yield Stop("owner-released", staff.press("連携を終了する"))
    staff.open(f"{club.portal}/agency_admin/{owners[1].user_id}")
    yield Stop("deny-confirm", staff.press("連携を許可しない"))
    yield Stop("owner-denied", staff.press("連携を許可しない"))
    yield Stop("owners-not-found", staff.open(f"{club.portal}/agency_admin?q=nobody"))
    yield Stop("agency-menu", staff.open(f"{club.idp}/agency"))
    yield Stop("agency-profile", staff.open(f"{club.idp}/agency/profile"))
    yield Stop("agency-profile-confirm", staff.press("確認する"))
    yield Stop("member-name", staff.open(f"{club.idp}/agency/profile/name"))
    make_viewer(club, agency.email)
    yield Stop("owner-for-a-viewer", staff.open(f"{club.portal}/agency_admin/{owners[2].user_id}"))
    yield Stop("role-may-not", staff.open(f"{club.portal}/agency_admin/{owners[2].user_id}/release"))


def make_viewer(club: Club, email: str) -> None:
    """Take every right but looking from an agency's first member."""
    account = select(Account.id).where(Account.email == email).scalar_subquery()
    with club.engine.begin() as connection:
        connection.execute(update(Member).where(Member.account_id == account).values(role=MemberRole.VIEWER))


def proxy_login(club: Club, crowd: Crowd) -> Iterator[Stop]:
    """代理ログイン, and every way in which it is over."""
    owner, agency = club.casting.owner(), club.casting.agency()
    club.casting.consent(owner, agency, write=True)
    staff = crowd().enter_portal(agency.email)
    page = f"{club.portal}/agency_admin/{owner.user_id}"
    yield Stop("owner-active", staff.open(page))
    staff.fill({"代理ログインの理由": "あ" * 201}).press("代理ログイン")
    yield Stop("owner-active-refused", staff)
    staff.fill({"代理ログインの理由": "定期点検の設定確認"}).press("代理ログイン")
    yield Stop("proxy-home", staff)
    yield Stop("proxy-customer", staff.open(f"{club.mypage}/customer"))
    yield Stop("proxy-products", staff.open(f"{club.mypage}/products"))
    yield Stop("proxy-services", staff.follow("サービスの加入・解約"))
    yield Stop("proxy-services-confirm", staff.choose_service("early_advisory", "join").press("確認する"))
    yield Stop("proxy-services-changed", staff.press("変更する"))
    yield Stop("proxy-power", staff.follow("電力データを見る"))
    yield Stop("proxy-forbidden", staff.open(f"{club.mypage}/password"))
    yield Stop("proxy-menu", staff.open(club.mypage))
    yield Stop("proxy-ended", staff.press("代理ログインを終了する"))
    act_for(staff, owner)
    home = crowd().enter_mypage(owner.email)
    yield Stop("mypage-home-while-acting", home)
    yield Stop("history", home.open(f"{club.idp}/account/delegations"))
    yield Stop("proxy-login-end", home.follow("今すぐ終了"))
    address = home.page.url
    home.press("今すぐ終了する")
    yield Stop("proxy-login-ended", home)
    yield Stop("proxy-login-over-already", home.open(address))
    yield Stop("proxy-login-of-another", home.open(f"{club.idp}/account/proxy-logins/{UNKNOWN}/end"))
    act_for(staff, owner)
    revoke(home)
    yield Stop("proxy-over", staff.open(f"{club.mypage}/home"))
    initiate = f"{club.mypage}/oidc/initiate?iss={club.idp}&login_hint=oct_unknown"
    yield Stop("proxy-failed", staff.open(initiate))
    yield Stop("wrong-person", staff.open(f"{club.mypage}/home"))
    yield Stop("not-staff", home.open(f"{club.portal}/agency"))


def owner_connects_device(club: Club, crowd: Crowd) -> Iterator[Stop]:
    """機器をつなぐ, with all that can become of a number."""
    owner, display = crowd(), switch_on(club)
    yield Stop("device", owner.open(f"{club.idp}/device"))
    yield Stop("device-refused", owner.fill({"番号": "1234"}).press("次へ"))
    owner.fill({"番号": NEVER_SHOWN}).press("次へ").sign_in(club.casting.owner().email)
    yield Stop("device-unknown", owner)
    yield Stop("device-confirm", owner.fill({"番号": display.number}).press("次へ"))
    yield Stop("device-approved", owner.press("許可する"))
    yield Stop("device-used", owner.open(display.qr_code))
    yield Stop("device-denied", owner.open(switch_on(club).qr_code).press("許可しない"))
    for _ in range(10):
        owner.open(f"{club.idp}/device?user_code={NEVER_SHOWN}")
    yield Stop("device-wait", owner)


def refusals(club: Club, crowd: Crowd) -> Iterator[Stop]:
    """Pages that say no."""
    lost = crowd()
    yield Stop("idp-not-found", lost.open(f"{club.idp}/no-such-page"))
    yield Stop("mypage-not-found", lost.open(f"{club.mypage}/no-such-page"))
    yield Stop("portal-not-found", lost.open(f"{club.portal}/no-such-page"))
    yield Stop("request-refused", lost.open(f"{club.idp}/oauth/authorize?client_id=unknown"))
    yield Stop("sign-in-failed", lost.open(f"{club.mypage}/oidc/callback?state=unknown&code=unknown"))
    lost.open(f"{club.idp}/password/forgot").context.clear_cookies()
    yield Stop("form-refused", lost.fill({"メールアドレス": "hanako@example.jp"}).press("送信する"))
    lost.open(club.mypage).context.clear_cookies()
    yield Stop("mypage-form-refused", lost.press("English"))


def mails(club: Club, crowd: Crowd) -> Iterator[Stop]:
    """Every mail as a mail reader shows it, and the mail page of development."""
    post(club.casting.database, *EVERY_MAIL.values())
    reader = crowd()
    yield Stop("dev-mails", reader.open(f"{club.idp}/dev/mails"))
    yield Stop("dev-mail", reader.follow("[ニチコンオーナーズ倶楽部]代理ログインがありました。"))
    for message, letter in newest_of_each(club):
        page = reader.context.request.get(f"{club.idp}/dev/mails/{letter}/html")
        # In an empty tab, because no check can run in the sandbox that the mail page puts around it.
        tab = reader.another_tab()
        tab.page.set_content(page.text())
        yield Stop(f"mail-{message.replace('_', '-')}", tab, is_mail=True)
        tab.page.close()


def newest_of_each(club: Club) -> list[tuple[str, str]]:
    """Return kind and id of the newest mail of each kind."""
    newest = (
        select(OutboxItem.name, OutboxItem.id, func.max(OutboxItem.created_at))
        .where(OutboxItem.topic == Topic.MAIL)
        .group_by(OutboxItem.name)
        .order_by(OutboxItem.name)
    )
    with club.engine.connect() as connection:
        return [(row.name, str(row.id)) for row in connection.execute(newest)]


CHAPTERS = {
    "agency-registers": Chapter(
        "1. 業者様の新規会員登録",
        agency_registers,
        pages(
            idp="entrance.menu sign_in.agency_sign_in agency_registration.start agency_registration.sent "
            "agency_registration.details agency_registration.confirmation agency_registration.done",
            portal="agency_login",
        ),
    ),
    "owner-registers": Chapter(
        "オーナー様の新規会員登録とパスワードの再設定",
        owner_registers,
        pages(
            idp="sign_in.owner_sign_in owner_registration.start owner_registration.sent "
            "owner_registration.details owner_registration.product owner_registration.confirmation "
            "owner_registration.done passwords.forgotten passwords.sent passwords.reset",
            mypage="mypage.menu",
        ),
    ),
    "owner-consents": Chapter(
        "2. お客様のログイン許可",
        owner_consents,
        pages(
            idp="customer.show customer.edit owner_delegations.history owner_delegations.ask products.new "
            "passwords.change oauth_pages.end_session oauth_pages.signed_out",
            mypage="mypage.home customer.show products.index services.choose services.confirm power.choose "
            "power.show",
        ),
    ),
    "apps": Chapter(
        "ほかの会社などのアプリへの許可",
        apps_ask,
        pages(idp="sign_in.owner_sign_in consent.ask apps.show apps.confirm"),
    ),
    "agency-answers": Chapter(
        "3. 連携許可",
        agency_answers,
        pages(
            idp="agency_menu.show agency_profile.show agency_profile.own_name",
            portal="agency owners owner confirm_deny confirm_release opened_selected opened_decide "
            "opened_assign",
        ),
    ),
    "proxy-login": Chapter(
        "4. 代理ログイン",
        proxy_login,
        pages(
            idp="owner_delegations.history owner_proxy_logins.ask",
            mypage="mypage.home customer.show products.index services.choose services.confirm power.show",
            portal="owner proxy_login_ended",
        ),
    ),
    "owner-connects-device": Chapter(
        "機器をつなぐ", owner_connects_device, pages(idp="device_pages.enter device_pages.answered")
    ),
    "refusals": Chapter(
        "できないことを伝えるページ", refusals, pages(idp="oauth_pages.authorize", mypage="rp.callback")
    ),
    "mails": Chapter("メール", mails, pages(idp="mail_preview.list_ mail_preview.show")),
    **tour_records.CHAPTERS,
    **tour_rules.CHAPTERS,
    **tour_systems.CHAPTERS,
    **tour_staff.CHAPTERS,
}
