"""The scopes that this server knows, and what each is for. A scope that is not here does not exist."""

SCOPES: dict[str, str] = {
    "openid": "OpenID Connect sign-in (OIDC Core §3.1.2.1)",
    "profile": "name of the person",
    "email": "e-mail address of the person",
    "products": "the owner's products",
    "products.write": "services of the owner's products",
    "agency.read": "data of the signed-in member's agency",
    "delegations.read": "delegation grants: one's own, or those to one's agency",
    "delegations.manage": "answer and end delegation grants to one's agency",
    "act_as": "be the actor in a token exchange",
    "proxy_logins.report": "a relying party reports what was done under a proxy login (client_credentials)",
    "mypage.read": "閲覧: see an owner's マイページ (permission of delegation grants)",
    "mypage.write": "設定変更: change settings in an owner's マイページ (permission of delegation grants)",
}
PERMISSIONS = frozenset({"mypage.read", "mypage.write"})
"""Only delegation grants give these; no client can ask for them at the authorization endpoint."""
FOR_CLIENTS = frozenset({"proxy_logins.report"})
"""A client has these for itself, by client_credentials: no person can give them, and it gets no others so."""


def grantable(asked: str, registered: frozenset[str]) -> frozenset[str]:
    """Return what is left of the asked scopes: known, registered for the client, a person's to give."""
    return frozenset(asked.split()) & registered & frozenset(SCOPES) - PERMISSIONS - FOR_CLIENTS


def claims_for(scope: frozenset[str], *, name: str, email: str | None) -> dict[str, object]:
    """Return the claims that a scope opens (OIDC Core §5.4)."""
    claims: dict[str, object] = {}
    if "profile" in scope:
        claims["name"] = name
    if "email" in scope and email is not None:
        claims |= {"email": email, "email_verified": True}
    return claims
