"""A database file of its own for each test, and an SMTP server with TLS and sign-in."""

import ssl
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from idp import db
from idp.credentials import Sealer
from idp.mail.rendering import Renderer
from idp.settings import Settings
from tests.databases import open_engine
from tests.mail.authority import Authority, make_authority
from tests.mail.post_office import PostOffice

SEALING_KEY = "the key of a test, never that of people's homes"
PASSWORD = "the post office's own password"


@pytest.fixture
def database(database_url: str) -> Iterator[db.Database]:
    engine = open_engine(database_url)
    yield db.Database(engine, Sealer(SEALING_KEY))
    engine.dispose()


@pytest.fixture
def settings() -> Settings:
    return Settings(
        issuer="https://id.example.jp", mail_sender="account-noreply@club.example",
        INSECURE_public_development=True,
    )  # fmt: skip


@pytest.fixture
def renderer(settings: Settings) -> Renderer:
    return Renderer(settings)


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("authority"), host="localhost")


@pytest.fixture
def trusted(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """Let this machine's TLS trust the throw-away authority, as an operator's own would be trusted."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
    return authority


@pytest.fixture
def post_office(trusted: Authority) -> Iterator[PostOffice]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(trusted.server_certificate, trusted.server_key)
    with PostOffice(context, username="club", password=PASSWORD) as office:
        yield office


@pytest.fixture
def smtp_settings(settings: Settings) -> Callable[..., Settings]:
    """Return settings that name an SMTP server on this machine; a test states what differs."""

    def build(port: int, **changes: Any) -> Settings:
        values = {
            "smtp_host": "localhost", "smtp_port": port, "smtp_username": "club", "smtp_password": PASSWORD,
            "smtp_timeout": 5, **changes,
        }  # fmt: skip
        return settings.model_copy(update=values)

    return build
