"""What the states of a grant are called, on pages and in files alike."""

from collections.abc import Mapping
from types import MappingProxyType

from flask_babel import lazy_gettext as _l

from clients.agency_portal.rules import GrantState, Tab

STATE_WORDS: Mapping[GrantState, object] = MappingProxyType(
    {
        GrantState.REQUESTED: _l("申請中"),
        GrantState.ACTIVE: _l("連携中"),
        GrantState.SUSPENDED: _l("停止中"),
        GrantState.DENIED: _l("連携を許可しない"),
        GrantState.WITHDRAWN: _l("お客様が申請を取り下げ"),
        GrantState.LAPSED: _l("申請の期限切れ"),
        GrantState.REVOKED: _l("連携を終了"),
        GrantState.EXPIRED: _l("連携の期間が満了"),
    }
)
"""Lazy texts: each becomes words in the language of the request that prints it."""

TAB_WORDS: Mapping[Tab, object] = MappingProxyType(
    {
        Tab.OPEN: _l("現在のお客様"),
        Tab.REQUESTED: STATE_WORDS[GrantState.REQUESTED],
        Tab.ACTIVE: STATE_WORDS[GrantState.ACTIVE],
        Tab.SUSPENDED: STATE_WORDS[GrantState.SUSPENDED],
        Tab.ENDED: _l("終了"),
    }
)
