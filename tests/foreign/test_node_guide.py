"""docs/guides/node.md: the program, as it stands there."""

import os
import subprocess
from pathlib import Path

import pytest

from idp.demo import HANAKO
from tests.foreign.browser import Person
from tests.foreign.club import ServedClub, await_answer, end, free_port
from tests.foreign.guides import SERVER, Guide
from tests.foreign.test_node import NODE

pytestmark = pytest.mark.xdist_group("foreign clients")


def test_the_program_of_the_guide_for_node_signs_in_and_out(club: ServedClub, tmp_path: Path) -> None:
    url = f"http://localhost:{free_port()}"
    guide = Guide("node", {SERVER: club.issuer, "http://localhost:3000": url})
    secret = club.register(guide.registration())
    (tmp_path / "node_modules").symlink_to(NODE / "node_modules")
    (tmp_path / "older_node.mjs").symlink_to(NODE / "older_node.mjs")
    (tmp_path / "hello.mjs").write_text(guide.blocks("js")[0], encoding="utf-8")
    log = tmp_path / "hello.log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            ["node", "--import", "./older_node.mjs", "hello.mjs"],  # noqa: S607 - the one that is installed
            cwd=tmp_path, env={**os.environ, **guide.environment(CLIENT_SECRET=secret)},
            stdin=subprocess.DEVNULL, stdout=stream, stderr=stream,
        )  # fmt: skip
        try:
            await_answer(url, process, log)
            person = Person()
            page = person.visit(url)
            assert f"Hello, {HANAKO.name}" in page.text, log.read_text(encoding="utf-8")
            left = person.press(page, "/sign-out")
            assert left.url.startswith(club.issuer), "signed out, one is asked to sign in again"
        finally:
            end(process)
