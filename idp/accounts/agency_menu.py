"""管理者メニュー: where an agency's managers find what is theirs to do on this server.

Slices above have pages here too, so entries name endpoints and import nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import ParamSpec, TypeVar

from flask import Blueprint, render_template
from flask_babel import LazyString
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from idp.accounts.models import Member
from idp.accounts.rules import MemberRole, RoleMayNot
from idp.accounts.sessions.access import current_member, member_only

P = ParamSpec("P")
R = TypeVar("R")

blueprint = Blueprint("agency_menu", __name__)


@dataclass(frozen=True)
class Entry:
    """A line of the menu."""

    endpoint: str
    title: LazyString
    text: LazyString


ENTRIES = (
    Entry("staff.index", _l("スタッフ"), _l("招待する、役割を変える、退職した方を外す")),
    Entry("staff_groups.index", _l("グループと担当"), _l("営業所などのグループと、お客様の担当の決め方")),
    Entry("conditions.show", _l("代理ログインの条件"), _l("理由の入力、時間帯、接続元などの決まり")),
    Entry("refused_attempts.show", _l("断られた代理ログイン"), _l("だれの操作が、なぜ断られたか")),
    Entry("systems.index", _l("システム連携"), _l("貴社のシステムからの接続と、変更のお知らせ先")),
    Entry("agency_invitations.index", _l("ご案内チラシ"), _l("お客様に連携をお願いするリンクとQRコード")),
    Entry("list_export.show", _l("登録ユーザー一覧の書き出し"), _l("お客様の一覧のファイル（CSV）")),
    Entry("agency_disclosures.show", _l("提供の記録"), _l("お客様の情報の提供を受けた記録")),
    Entry("agency_profile.show", _l("販売店情報更新"), _l("企業名、住所、電話番号などの変更")),
)


@blueprint.get("/agency")
@member_only
def show() -> str:
    """Show a manager the menu."""
    manager = current_manager()
    return render_template("accounts/agency_menu.html", entries=ENTRIES, agency=manager.agency.name)


def current_manager() -> Member:
    """Return the signed-in person's place in an agency, if they manage it at this moment.

    :raises NotAMember: there is none.
    :raises AgencyNotActive: the agency is suspended.
    :raises RoleMayNot: the person is no manager.
    """
    member = current_member()
    if not MemberRole(member.role).can_manage:
        raise RoleMayNot
    return member


def manager_only(view: Callable[P, R]) -> Callable[P, R | Response]:
    """Open a page to managers of an agency in good standing; whoever is not signed in does that first.

    :raises RoleMayNot: the member is no manager.
    """

    @wraps(view)
    def managed(*args: P.args, **kwargs: P.kwargs) -> R:
        current_manager()
        return view(*args, **kwargs)

    return member_only(managed)
