"""One wheel holds the whole server: code, templates, static files, data, migrations and catalogues."""

import json
import os
import re
import site
import socket
import subprocess
import sys
import time
import venv
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from tests.house.tree import ROOT, project_files, told

pytestmark = pytest.mark.xdist_group("wheel")
STARTS_WITHIN = 30
"""Seconds; the server needs about one, a busy machine more."""


@dataclass(frozen=True)
class Installation:
    """The server's command in an environment of its own, and the empty folder that it is run from."""

    scripts: Path
    folder: Path
    port: int

    @property
    def issuer(self) -> str:
        """Return the address of the server."""
        return f"http://localhost:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """Return the whole environment of a command, with nothing of the tests' own in it."""
        return {
            "PATH": f"{self.scripts}{os.pathsep}{os.defpath}",
            "HOME": str(self.folder),
            "LANG": "C.UTF-8",
            "IDP_ISSUER": self.issuer,
            "IDP_DATABASE_URL": f"sqlite:///{self.folder / 'idp.sqlite3'}",
        }

    def run(self, *command: str) -> str:
        """Run a command to its end and return what it printed, failing with it if it fails."""
        ended = subprocess.run(
            [self.scripts / command[0], *command[1:]],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
        )
        assert ended.returncode == 0, f"{' '.join(command)} failed:\n{ended.stdout}"
        return ended.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from the project, with the locked build backend."""
    target = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(target), str(ROOT)],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    (built,) = target.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installation(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """Install the wheel alone; its dependencies are the locked ones that these tests run with."""
    home = tmp_path_factory.mktemp("installed")
    venv.create(home / "venv", with_pip=True)
    scripts = home / "venv/bin"
    (own,) = (home / "venv/lib").glob("python*/site-packages")
    (own / "locked.pth").write_text("\n".join(site.getsitepackages()) + "\n", encoding="utf-8")
    install = ["install", "--quiet", "--no-deps", "--no-index", "--disable-pip-version-check", str(wheel)]
    subprocess.run([scripts / "python", "-m", "pip", *install], check=True, cwd=home)
    folder = home / "empty"
    folder.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    return Installation(scripts, folder, port=port)


@pytest.fixture(scope="module")
def served(installation: Installation) -> Iterator[str]:
    """Prepare a database, start the server and wait until it answers."""
    installation.run("idp", "db", "upgrade")
    log = (installation.folder / "serve.log").open("w+", encoding="utf-8")
    server = subprocess.Popen(
        [installation.scripts / "idp", "serve", "--bind", f"127.0.0.1:{installation.port}", "--workers", "1"],
        cwd=installation.folder,
        env=installation.environment,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    with log, server:
        try:
            wait_until_it_answers(installation, server)
            yield installation.issuer
        finally:
            server.terminate()
            server.wait(timeout=STARTS_WITHIN)


def wait_until_it_answers(installation: Installation, server: "subprocess.Popen[bytes]") -> None:
    """Return once the port is open; fail with the server's log if it ends or takes too long."""
    deadline = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < deadline and server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", installation.port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    pytest.fail((installation.folder / "serve.log").read_text(encoding="utf-8"))


def test_the_wheel_holds_every_file_of_the_server(wheel: Path) -> None:
    parts = [path for path in project_files() if path.startswith(("idp/", "templates/"))]
    expected = {path if path.startswith("idp/") else f"idp/{path}" for path in parts}
    for kind in ("idp/templates/", "idp/static/", "idp/data/", "idp/migrations/versions/"):
        assert any(path.startswith(kind) for path in expected), kind
    assert "idp/translations/en/LC_MESSAGES/messages.mo" in expected
    missing = sorted(expected - set(zipfile.ZipFile(wheel).namelist()))
    assert not missing, told(missing, rule="The wheel lacks:")


def test_the_wheel_holds_nothing_but_the_server(wheel: Path) -> None:
    top = {name.partition("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {name for name in top if not name.endswith(".dist-info")} == {"idp"}


def test_the_installed_package_is_the_wheels(installation: Installation) -> None:
    place = installation.run("python", "-c", "import idp; print(idp.__file__)").strip()
    assert Path(place).is_relative_to(installation.scripts.parent)


@pytest.mark.parametrize("path", ["/", "/sign-in", "/store/linkaccounts", "/register/owner"])
def test_a_page_is_served_with_its_template_and_words(served: str, path: str) -> None:
    answer = requests.get(served + path, timeout=10)
    assert answer.status_code == 200
    assert '<html lang="ja">' in answer.text
    assert len(re.findall(r"<h1\b", answer.text)) == 1


def test_every_style_and_script_of_a_page_is_served(served: str) -> None:
    page = requests.get(f"{served}/sign-in", timeout=10).text
    linked = re.findall(r'(?:href|src)="(/static/[^"]+)"', page)
    assert any(".css" in link for link in linked)
    assert [requests.get(served + link, timeout=10).status_code for link in linked] == [200] * len(linked)


def test_the_discovery_document_is_served(served: str) -> None:
    document = json.loads(requests.get(f"{served}/.well-known/openid-configuration", timeout=10).text)
    assert document["issuer"] == served
    keys = requests.get(document["jwks_uri"], timeout=10).json()["keys"]
    assert keys


def test_a_page_is_served_in_english(served: str) -> None:
    with requests.Session() as browser:
        page = browser.get(f"{served}/sign-in", timeout=10).text
        token = re.search(r'name="csrf_token" value="([^"]+)"', page)
        assert token
        choice = {"csrf_token": token.group(1), "lang": "en", "next": "/sign-in"}
        answer = browser.post(f"{served}/language", data=choice, timeout=10)
    assert answer.status_code == 200
    assert '<html lang="en">' in answer.text
    assert heading(answer.text) != heading(page)


def heading(page: str) -> str:
    """Return the text of a page's first-level heading."""
    found = re.search(r"<h1\b[^>]*>(.*?)</h1>", page, re.DOTALL)
    return found.group(1).strip() if found else ""
