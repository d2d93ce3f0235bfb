"""The blueprints of the delegation slice, for the application to register."""

from idp.delegation.activities.api import ACTIVITIES_API
from idp.delegation.agency_views import AGENCY_LINKS
from idp.delegation.api import DELEGATION_API
from idp.delegation.assignments.api import ASSIGNMENTS_API
from idp.delegation.assignments.group_views import STAFF_GROUPS
from idp.delegation.assignments.handover_views import HANDOVER
from idp.delegation.bulk.api import BULK_API
from idp.delegation.bulk.views import LIST_EXPORT
from idp.delegation.conditions.views import CONDITIONS
from idp.delegation.customer_views import CUSTOMER
from idp.delegation.disclosures.views import AGENCY_DISCLOSURES, OWNER_DISCLOSURES
from idp.delegation.invitations.agency_views import AGENCY_INVITATIONS
from idp.delegation.invitations.views import INVITATION
from idp.delegation.owner_views import OWNER_DELEGATIONS
from idp.delegation.proxy_login_views import OWNER_PROXY_LOGINS
from idp.delegation.refused_attempt_views import REFUSED_ATTEMPT_PAGES
from idp.delegation.staff.place_views import STAFF_PLACES
from idp.delegation.staff.views import STAFF

BLUEPRINTS = (
    AGENCY_INVITATIONS, BULK_API, LIST_EXPORT, INVITATION,
    ACTIVITIES_API, AGENCY_DISCLOSURES, AGENCY_LINKS, DELEGATION_API, CUSTOMER, OWNER_DELEGATIONS,
    OWNER_DISCLOSURES, OWNER_PROXY_LOGINS, ASSIGNMENTS_API, STAFF, STAFF_PLACES, STAFF_GROUPS, HANDOVER,
    CONDITIONS, REFUSED_ATTEMPT_PAGES,
)  # fmt: skip
