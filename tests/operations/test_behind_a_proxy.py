"""The real server, two workers, under a path, behind a real proxy that ends TLS."""

import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest
import requests
from requests.adapters import HTTPAdapter
from sqlalchemy import select

from idp.accounts.models import BrowserSession
from idp.demo import HANAKO, PASSWORD
from tests.accounts.visitor import PostForm, forms_of
from tests.operations.proxied_club import ROOT, ProxiedClub, running_proxied_club

SPOOFED = "203.0.113.7"


@pytest.fixture(scope="module")
def club(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProxiedClub]:
    with running_proxied_club(tmp_path_factory.mktemp("proxied")) as running:
        yield running


class _From(HTTPAdapter):
    """Connects from another address of this machine."""

    def __init__(self, address: str) -> None:
        self.address = address
        super().__init__()

    def init_poolmanager(self, *arguments: int, **options: object) -> None:
        super().init_poolmanager(*arguments, **options, source_address=(self.address, 0))


def browser(club: ProxiedClub, *, at: str = "127.0.0.1") -> requests.Session:
    """Return a browser at an address, which trusts the proxy's certificate."""
    session = requests.Session()
    session.verify, session.trust_env = club.certificate, False
    session.mount("https://", _From(at))
    return session


def form_of(page: requests.Response) -> PostForm:
    return forms_of(page)[0]  # type: ignore[arg-type]  # only its text is read


def sign_in(session: requests.Session, page: requests.Response) -> requests.Response:
    """Fill in the sign-in page and follow wherever it leads."""
    typed = {"email": HANAKO.email, "password": PASSWORD}
    return session.post(page.url, data={**form_of(page).fields, **typed}, timeout=20)


def addresses(club: ProxiedClub) -> list[str]:
    """Return from where people are signed in, the newest last."""
    query = select(BrowserSession.address).order_by(BrowserSession.authenticated_at)
    with club.engine.connect() as connection:
        return list(connection.scalars(query))


def test_an_owner_signs_in_to_mypage_and_out_again(club: ProxiedClub) -> None:
    session = browser(club)
    page = session.get(f"{club.mypage}/home", timeout=20)
    assert page.url.startswith(f"{club.idp}/sign-in?next={ROOT}/oauth/authorize/")
    home = sign_in(session, page)
    assert (home.status_code, home.url) == (200, f"{club.mypage}/home")
    assert HANAKO.name in home.text
    passed = [urlsplit(step.url) for step in home.history]
    assert all(step.path.startswith(f"{ROOT}/") for step in passed if step.scheme == "https")
    customer = session.get(f"{club.mypage}/customer", timeout=20)
    assert HANAKO.email in customer.text
    edit = session.get(f"{club.idp}/account/edit", timeout=20)
    assert (edit.status_code, edit.url) == (200, f"{club.idp}/account/edit")
    out = session.post(f"{club.mypage}/logout", data=form_of(home).fields, timeout=20)
    assert out.url == f"{club.mypage}/"
    assert session.get(f"{club.idp}/account", timeout=20).url.startswith(f"{club.idp}/sign-in")


def test_pages_say_that_they_are_secure_and_stay_below_the_path(club: ProxiedClub) -> None:
    page = browser(club).get(f"{club.idp}/", timeout=20)
    assert page.headers["Strict-Transport-Security"].startswith("max-age=31536000")
    assert page.headers["Set-Cookie"].startswith("__Host-idp_session-club=")
    assert "Secure;" in page.headers["Set-Cookie"]
    for address in re.findall(r'(?:href|src|action)="([^"]+)"', page.text):
        if address.startswith("/"):
            assert address.startswith(f"{ROOT}/"), address
    assert browser(club).get(f"{club.host}/", timeout=20).status_code == 404


def test_metadata_is_found_in_both_forms(club: ProxiedClub) -> None:
    for address in (f"{club.idp}/.well-known/openid-configuration",
                    f"{club.host}/.well-known/oauth-authorization-server{ROOT}"):  # fmt: skip
        assert browser(club).get(address, timeout=20).json()["issuer"] == club.idp
    assert browser(club).get(f"{club.host}/readyz", timeout=20).text == "ok\n"


def test_a_mail_that_the_worker_would_send_leads_to_the_proxy(club: ProxiedClub) -> None:
    session = browser(club)
    page = session.get(f"{club.idp}/password/forgot", timeout=20)
    session.post(page.url, data={**form_of(page).fields, "email": HANAKO.email}, timeout=20)
    mails = session.get(f"{club.idp}/dev/mails", params={"to": HANAKO.email}, timeout=20)
    newest = re.findall(rf'href="({ROOT}/dev/mails/[0-9a-f-]+)"', mails.text)[0]
    (link,) = set(re.findall(rf"{club.idp}/password/reset/[\w-]+", session.get(club.host + newest).text))
    assert session.get(link, timeout=20).status_code == 200


def test_the_address_of_a_visitor_is_what_the_proxy_saw(club: ProxiedClub) -> None:
    session = browser(club, at="127.0.0.3")
    session.headers["X-Forwarded-For"] = SPOOFED
    sign_in(session, session.get(f"{club.idp}/sign-in", timeout=20))
    assert addresses(club)[-1] == "127.0.0.3"


def ask(
    port: int, path: str, *, at: str, headers: dict[str, str], body: str | None = None
) -> tuple[int, str, str]:
    """Ask the server past the proxy, and return status, cookie and text."""
    connection = HTTPConnection("127.0.0.1", port, timeout=20, source_address=(at, 0))
    connection.request("POST" if body else "GET", path, body=body, headers=headers)
    answer = connection.getresponse()
    text, cookie = answer.read().decode(), (answer.getheader("Set-Cookie") or "").partition(";")[0]
    connection.close()
    return answer.status, cookie, text


@pytest.mark.parametrize(("at", "seen"), [("127.0.0.2", "127.0.0.2"), ("127.0.0.1", SPOOFED)])
def test_whoever_comes_past_the_proxy_is_not_believed(club: ProxiedClub, at: str, seen: str) -> None:
    headers = {"Host": urlsplit(club.idp).netloc, "X-Forwarded-For": SPOOFED, "X-Real-IP": SPOOFED}
    _status, cookie, page = ask(club.ports.idp, f"{ROOT}/sign-in", at=at, headers=headers)
    (token,) = set(re.findall(r'name="csrf_token" value="([^"]+)"', page))
    typed = urlencode({"csrf_token": token, "email": HANAKO.email, "password": PASSWORD})
    sent = {**headers, "Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded"}
    assert ask(club.ports.idp, f"{ROOT}/sign-in", at=at, headers=sent, body=typed)[0] == 303
    assert addresses(club)[-1] == seen


@pytest.mark.parametrize("at", ["127.0.0.1", "127.0.0.2"])
def test_no_header_moves_the_server_or_breaks_a_request(club: ProxiedClub, at: str) -> None:
    headers = {
        "Host": urlsplit(club.idp).netloc, "X-Forwarded-Proto": "http", "X-Forwarded-Ssl": "on",
        "X-Forwarded-Protocol": "nonsense", "X-Forwarded-Host": "evil.example", "X-Forwarded-For": ",;[::",
        "X-Forwarded-Prefix": "/evil", "SCRIPT_NAME": ROOT, "PATH_INFO": "/oauth/jwks",
        "Forwarded": 'for="[::1";host=evil.example;proto=gopher',
    }  # fmt: skip
    status, cookie, page = ask(club.ports.idp, f"{ROOT}/", at=at, headers=headers)
    assert status == 200
    assert cookie.startswith("__Host-idp_session-club=")
    assert "evil" not in page
    assert ask(club.ports.idp, "/", at=at, headers=headers)[0] == 404


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "127.0.0.1"])
def test_another_host_is_refused(club: ProxiedClub, host: str) -> None:
    session = browser(club)
    for path in ("/sign-in", "/.well-known/openid-configuration", "/oauth/authorize?client_id=mypage"):
        answer = session.get(club.idp + path, headers={"Host": host}, allow_redirects=False, timeout=20)
        assert (answer.status_code, answer.text) == (400, "Bad Request: unknown host\n")
        assert "Location" not in answer.headers
        assert session.get(club.idp + path, timeout=20).status_code in {200, 400}


def test_a_unix_socket_is_believed_when_it_is_named(club: ProxiedClub, tmp_path: Path) -> None:
    path = str(tmp_path / "idp.sock")
    environment = club.folder.environment(club.ports)["idp"] | {"IDP_TRUSTED_PROXIES": "unix"}
    command = [sys.executable, "-m", "idp", "serve", "--bind", f"unix:{path}", "--workers", "1"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as server:
        try:
            connection = _connect(path)
            request = f"GET {ROOT}/ HTTP/1.1\r\nHost: {urlsplit(club.idp).netloc}\r\n"
            connection.sendall(f"{request}X-Forwarded-For: {SPOOFED}\r\nConnection: close\r\n\r\n".encode())
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
            connection.close()
            assert answer.startswith(b"HTTP/1.1 200")
            assert b"__Host-idp_session-club=" in answer
        finally:
            server.terminate()


def _connect(path: str) -> socket.socket:
    deadline = time.monotonic() + 30
    while True:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(20)
        try:
            connection.connect(path)
        except OSError:
            connection.close()
            assert time.monotonic() < deadline, "the server did not come up"
            time.sleep(0.1)
        else:
            return connection
