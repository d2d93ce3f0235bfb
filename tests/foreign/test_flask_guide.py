"""docs/guides/flask.md: the application and the API, as they stand there."""

import os
import subprocess
import sys
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests

from idp.demo import HANAKO
from tests.foreign.browser import Person
from tests.foreign.club import ServedClub, await_answer, end, free_port
from tests.foreign.guides import SERVER, Guide
from tests.house.tree import ROOT

pytestmark = pytest.mark.xdist_group("foreign clients")
VERIFIER = "v" * 43
CHALLENGE = urlsafe_b64encode(sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


@contextmanager
def flask_run(folder: Path, name: str, url: str, *, environment: Mapping[str, str]) -> Iterator[None]:
    """Run a program as the guide says."""
    log = folder / f"{name}.log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "flask", "--app", name, "run", "--port", url.rpartition(":")[2]],
            cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT), **environment}, stdin=subprocess.DEVNULL,
            stdout=stream, stderr=stream,
        )  # fmt: skip
        try:
            await_answer(url, process, log)
            yield
        finally:
            end(process)


def test_the_guide_for_flask_says_how_to_sign_in_and_call_an_api(club: ServedClub, tmp_path: Path) -> None:
    hello, watts = (f"http://localhost:{free_port()}" for _ in range(2))
    guide = Guide(
        "flask", {SERVER: club.issuer, "http://localhost:5000": hello, "http://localhost:5001": watts}
    )
    secret = club.register(guide.registration())
    for name, program in zip(("hello", "watts"), guide.blocks("python"), strict=True):
        (tmp_path / f"{name}.py").write_text(program, encoding="utf-8")
    environment = guide.environment(RP_CLIENT_SECRET=secret)
    with (
        flask_run(tmp_path, "hello", hello, environment=environment),
        flask_run(tmp_path, "watts", watts, environment={}),
    ):
        person = Person()
        page = person.visit(hello)
        assert f"Hello, {HANAKO.name}" in page.text
        left = person.press(page, "/logout")
        assert left.url.startswith(f"{club.issuer}/"), "signed out here, one is asked to sign in again"
        check_api(club, watts, redirect_uri=f"{hello}/oidc/callback", secret=secret)


def check_api(club: ServedClub, api: str, *, redirect_uri: str, secret: str) -> None:
    """Call the API with tokens for it and for another audience."""
    query = {
        "response_type": "code", "client_id": "hello", "redirect_uri": redirect_uri, "state": "s",
        "scope": "openid products", "code_challenge": CHALLENGE, "code_challenge_method": "S256",
        "resource": [api, club.issuer],
    }  # fmt: skip
    request = f"{club.issuer}/oauth/authorize?{urlencode(query, doseq=True)}"
    arrived = Person().visit(request, until=redirect_uri)
    [code] = parse_qs(urlsplit(arrived.headers["Location"]).query)["code"]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri,
            "code_verifier": VERIFIER, "resource": api}  # fmt: skip
    given = requests.post(f"{club.issuer}/oauth/token", form, auth=("hello", secret), timeout=10).json()
    assert "access_token" in given, given
    right = {"Authorization": f"Bearer {given['access_token']}"}
    assert requests.get(f"{api}/watts", headers=right, timeout=10).json()["watts"] == 1200
    form = {"grant_type": "refresh_token", "refresh_token": given["refresh_token"], "resource": club.issuer}
    other = requests.post(f"{club.issuer}/oauth/token", form, auth=("hello", secret), timeout=10).json()
    assert "access_token" in other, other
    wrong = {"Authorization": f"Bearer {other['access_token']}"}
    for headers, status in ((wrong, 401), ({}, 401)):
        refused = requests.get(f"{api}/watts", headers=headers, timeout=10)
        assert refused.status_code == status
        assert refused.headers["Content-Type"] == "application/problem+json"
