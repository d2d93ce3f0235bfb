"""Imports every slice's tables, so that ``Base.metadata`` knows them all."""

import idp.accounts.models
import idp.audit.models
import idp.delegation.models
import idp.mail.models
import idp.oauth.consent.models
import idp.oauth.device.models
import idp.oauth.models
import idp.oauth.registration.models  # noqa: F401
