"""docs/guides/flask.md: the application and the API, as they stand there."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from idp.demo import HANAKO
from tests.foreign.browser import Person
from tests.foreign.club import ServedClub, await_answer, end, free_port
from tests.foreign.guides import SERVER, Guide
from tests.house.tree import ROOT

pytestmark = pytest.mark.xdist_group("foreign clients")


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
        assert requests.get(f"{watts}/watts", timeout=10).status_code == 401
