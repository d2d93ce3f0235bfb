"""Imports every slice's tables, so that ``Base.metadata`` knows them all."""

import idp.accounts.models
import idp.accounts.staff.models
import idp.audit.models
import idp.delegation.activities.models
import idp.delegation.assignments.models
import idp.delegation.bulk.models
import idp.delegation.conditions.models
import idp.delegation.disclosures.models
import idp.delegation.invitations.models
import idp.delegation.models
import idp.delegation.permissions.models
import idp.mail.models
import idp.oauth.consent.models
import idp.oauth.device.models
import idp.oauth.models
import idp.oauth.registration.models  # noqa: F401
