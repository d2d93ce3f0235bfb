"""Which settings start the server, where, and which it refuses."""

import pytest

from idp.settings import DEVELOPMENT_SECRET, Environment, Settings, SettingsRefused

PRODUCTION = {
    "IDP_ENVIRONMENT": "production", "IDP_ISSUER": "https://id.example.jp",
    "IDP_MYPAGE_URL": "https://mypage.example.jp", "IDP_AGENCY_PORTAL_URL": "https://agency.example.jp",
    "IDP_SECRET_KEY": "s" * 32, "IDP_ENCRYPTION_KEY": "e" * 32, "IDP_CONTACT_PHONE": "0120-111-222",
    "IDP_CONTACT_EMAIL": "support@example.jp", "IDP_MAIL_SENDER": "noreply@example.jp",
}  # fmt: skip


def refusal_of(**environ: str) -> str:
    """Return what is said of settings that are refused."""
    with pytest.raises(SettingsRefused) as refused:
        Settings.from_environment(environ)
    return str(refused.value)


def without(name: str) -> dict[str, str]:
    return {key: value for key, value in PRODUCTION.items() if key != name}


@pytest.mark.parametrize(
    "issuer",
    ["http://localhost:8000", "http://127.0.0.1:9000/club", "http://[::1]:8000", "https://localhost"],
)
def test_development_needs_nothing_on_this_machine(issuer: str) -> None:
    settings = Settings.from_environment({"IDP_ISSUER": issuer})
    assert (settings.environment, settings.secret_key) == (Environment.DEVELOPMENT, DEVELOPMENT_SECRET)


@pytest.mark.parametrize(
    "issuer",
    [
        "https://id.example.jp",
        "http://id.example.jp",
        "https://localhost.example.jp",
        "http://192.0.2.1:8000",
    ],
)
def test_development_is_refused_where_other_machines_reach_it(issuer: str) -> None:
    told = refusal_of(IDP_ISSUER=issuer)
    assert issuer in told
    assert "IDP_ENVIRONMENT=production" in told
    allowed = {"IDP_ISSUER": issuer, "IDP_INSECURE_PUBLIC_DEVELOPMENT": "true"}
    assert Settings.from_environment(allowed).is_development


def test_production_starts_when_everything_is_said() -> None:
    settings = Settings.from_environment(PRODUCTION)
    assert settings.cookies_are_secure
    assert not settings.is_development


@pytest.mark.parametrize("name", [name for name in PRODUCTION if name != "IDP_ENVIRONMENT"])
def test_production_needs_each_setting_that_only_its_operator_knows(name: str) -> None:
    told = refusal_of(**without(name))
    assert told.startswith(name)
    assert "\n" not in told


def test_everything_that_production_lacks_is_told_at_once() -> None:
    told = refusal_of(IDP_ENVIRONMENT="production").splitlines()
    assert [line.split()[0] for line in told] == [
        "IDP_ISSUER", "IDP_MYPAGE_URL", "IDP_AGENCY_PORTAL_URL", "IDP_SECRET_KEY", "IDP_ENCRYPTION_KEY",
        "IDP_CONTACT_PHONE", "IDP_CONTACT_EMAIL", "IDP_MAIL_SENDER",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["IDP_ISSUER", "IDP_MYPAGE_URL", "IDP_AGENCY_PORTAL_URL"])
def test_production_refuses_addresses_without_tls(name: str) -> None:
    assert refusal_of(**PRODUCTION | {name: "http://id.example.jp"}).startswith(f"{name} must be an https")


@pytest.mark.parametrize("name", ["IDP_INSECURE_PUBLIC_DEVELOPMENT", "IDP_INSECURE_SMTP_WITHOUT_TLS"])
def test_production_refuses_whatever_weakens_a_check(name: str) -> None:
    assert refusal_of(**PRODUCTION | {name: "true"}) == f"{name} is refused in production."
    assert Settings.from_environment(PRODUCTION | {name: "false"})


@pytest.mark.parametrize("secret", ["", "s" * 31, DEVELOPMENT_SECRET])
def test_production_refuses_short_and_published_secrets(secret: str) -> None:
    assert refusal_of(**PRODUCTION | {"IDP_SECRET_KEY": secret}).startswith("IDP_SECRET_KEY")


@pytest.mark.parametrize("name", ["IDP_SMTP_STARTTLS", "IDP_INSECURE_ALLOW_HTTP", "IDP_ISSUERS"])
def test_a_name_that_no_setting_has_is_refused(name: str) -> None:
    assert name in refusal_of(**{name: "true"})


@pytest.mark.parametrize("path", ["/club", "/club/id", "/~club_1-a"])
def test_an_issuer_may_have_a_path(path: str) -> None:
    settings = Settings.from_environment(PRODUCTION | {"IDP_ISSUER": f"https://id.example.jp{path}"})
    assert (settings.issuer_path, settings.issuer_origin) == (path, "https://id.example.jp")


@pytest.mark.parametrize("path", ["//club", "/club//id", "/cl ub", "/%63lub", "/倶楽部", "/club;x", "/.."])
def test_the_path_of_an_issuer_is_written_in_one_way_only(path: str) -> None:
    told = refusal_of(**PRODUCTION | {"IDP_ISSUER": f"https://id.example.jp{path}"})
    assert told.startswith("IDP_ISSUER may have a path")


def test_proxies_are_networks_and_sockets() -> None:
    given = {"IDP_TRUSTED_PROXIES": "10.0.0.0/8, 127.0.0.1,2001:db8::/32 unix"}
    settings = Settings.from_environment(PRODUCTION | given)
    assert [str(network) for network in settings.proxy_networks] == [
        "10.0.0.0/8", "127.0.0.1/32", "2001:db8::/32",
    ]  # fmt: skip
    assert settings.trusts_unix_sockets
    assert not Settings.from_environment(PRODUCTION).proxy_networks
    assert not Settings.from_environment(PRODUCTION).trusts_unix_sockets


@pytest.mark.parametrize("proxies", ["1", "proxy.example.jp", "10.0.0.0/33", "*", "0.0.0.0/0", "::/0"])
def test_whoever_cannot_be_named_is_not_believed(proxies: str) -> None:
    told = refusal_of(**PRODUCTION | {"IDP_TRUSTED_PROXIES": proxies})
    assert told.startswith("IDP_TRUSTED_PROXIES must")


@pytest.mark.parametrize(
    "issuer", ["https://id.example.jp/", "https://id.example.jp?a=1", "id.example.jp", "ftp://localhost", ""]
)
def test_an_issuer_is_an_address_without_an_end(issuer: str) -> None:
    assert refusal_of(**PRODUCTION | {"IDP_ISSUER": issuer}).startswith("IDP_ISSUER")


@pytest.mark.parametrize("name", ["IDP_SERVICE_DOCUMENTATION", "IDP_POLICY_URI", "IDP_TERMS_URI"])
def test_pages_for_relying_parties_are_addresses(name: str) -> None:
    Settings.from_environment({name: "https://www.example.jp/api"})
    assert refusal_of(**{name: "www.example.jp"}).startswith(name)
