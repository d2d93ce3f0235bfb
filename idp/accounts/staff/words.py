"""The roles in the words of the pages."""

from flask_babel import LazyString
from flask_babel import lazy_gettext as _l

from idp.accounts.rules import MemberRole

ROLE_WORDS: dict[MemberRole, LazyString] = {
    MemberRole.MANAGER: _l("管理者"),
    MemberRole.APPROVER: _l("承認担当"),
    MemberRole.PROXY_LOGIN: _l("代理ログイン担当"),
    MemberRole.VIEWER: _l("閲覧のみ"),
}
ROLE_EXPLAINED: dict[MemberRole, LazyString] = {
    MemberRole.MANAGER: _l("すべての操作と、スタッフ・担当・販売店情報の管理ができます。"),
    MemberRole.APPROVER: _l("お客様の申請への回答、連携の終了、代理ログインができます。"),
    MemberRole.PROXY_LOGIN: _l("代理ログインができます。申請への回答はできません。"),
    MemberRole.VIEWER: _l("お客様の一覧を見るだけです。代理ログインはできません。"),
}
