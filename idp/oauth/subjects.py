"""Who a person is to a client: ``sub``, public or pairwise (OIDC Core §8)."""

import uuid

from idp import credentials
from idp.oauth.models import Client, SubjectType
from idp.settings import Settings


def subject_for(settings: Settings, client: Client, account_id: uuid.UUID) -> str:
    """Return the ``sub`` of a person for this client; the same for ever, and for all clients of its sector.

    A pairwise one is a keyed digest (§8.1), so that clients of different sectors cannot find out together
    that they know the same person, and it needs no table.
    """
    if client.subject_type != SubjectType.PAIRWISE:
        return str(account_id)
    sector = client.sector or client.client_id
    return credentials.keyed_digest(settings.encryption_key, f"pairwise:{sector}:{account_id}")
