"""docs/guides/java-spring.md: its configuration against what the server says of itself."""

from urllib.parse import parse_qsl

import pytest
import requests

from tests.foreign.club import ServedClub
from tests.foreign.guides import SERVER, Guide

pytestmark = pytest.mark.xdist_group("foreign clients")
CLIENT = "spring.security.oauth2.client"


def test_the_configuration_for_spring_fits_the_server_and_the_registration(club: ServedClub) -> None:
    guide = Guide("java-spring", {SERVER: club.issuer})
    registered = guide.registration()
    assert club.register(registered)
    given = dict(parse_qsl(guide.blocks("properties")[0].replace("\n", "&")))
    issuer = given[f"{CLIENT}.provider.club.issuer-uri"]
    known = requests.get(f"{issuer}/.well-known/openid-configuration", timeout=10).json()
    assert known["issuer"] == issuer
    own = {name.rpartition(".")[2]: value for name, value in given.items() if f"{CLIENT}.reg" in name}
    assert own["client-id"] == registered["client_id"]
    assert own["client-authentication-method"] == registered["token_endpoint_auth_method"]
    assert own["client-authentication-method"] in known["token_endpoint_auth_methods_supported"]
    assert own["authorization-grant-type"] in registered["grant_types"]
    assert set(own["scope"].split(",")) == set(registered["scope"].split()) <= set(known["scopes_supported"])
    address = f"http://localhost:{given['server.port']}"
    redirect_uri = own["redirect-uri"].replace("{baseUrl}", address).replace("{registrationId}", "club")
    assert registered["redirect_uris"] == [redirect_uri]
    [program] = guide.blocks("java")
    assert registered["post_logout_redirect_uris"] == [f"{address}/"]
    assert '"{baseUrl}/"' in program
    assert "withPkce()" in program
    assert "S256" in known["code_challenge_methods_supported"]
