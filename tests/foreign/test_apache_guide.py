"""docs/guides/apache-mod-auth-openidc.md: Debian's Apache signs people in, configured as it says there."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from idp.demo import HANAKO
from tests.foreign.browser import Person
from tests.foreign.club import ServedClub, await_answer, end, free_port
from tests.foreign.guides import SERVER, Guide

pytestmark = pytest.mark.xdist_group("foreign clients")
MODULES = "/usr/lib/apache2/modules"
SECRET = "the-secret-that-was-printed"
FRAME = """
ServerName localhost
User nobody
Group nogroup
Listen 127.0.0.1:{port}
PidFile {folder}/apache.pid
ErrorLog /dev/stderr
LogLevel warn auth_openidc:info
TypesConfig /dev/null
AddType text/html .html
DocumentRoot {folder}/pages
Mutex sem
DefaultRuntimeDir {folder}
{modules}
SetOutputFilter INCLUDES
DirectoryIndex index.html
<Directory {folder}/pages>
    Options +Includes
    Require all granted
</Directory>
{guide}
"""
LOADED = ("mpm_event", "authn_core", "authz_core", "authz_user", "dir", "mime", "include", "auth_openidc")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that Apache can read after it has let go of root's rights, if it had them."""
    with TemporaryDirectory() as made:
        Path(made).chmod(0o755)
        yield Path(made)


@contextmanager
def apache(folder: Path, url: str, guide: str) -> Iterator[None]:
    """Run an Apache of the test's own, with the guide's configuration in it."""
    pages = folder / "pages/members"
    pages.mkdir(parents=True)
    (pages / "index.html").write_text(
        '<!--#echo var="REMOTE_USER" --> <!--#echo encoding="none" var="OIDC_CLAIM_name" -->',
        encoding="utf-8",
    )
    (folder / "pages/bye.html").write_text("Bye", encoding="utf-8")
    modules = "\n".join(f"LoadModule {name}_module {MODULES}/mod_{name}.so" for name in LOADED)
    configuration = folder / "apache.conf"
    configuration.write_text(
        FRAME.format(port=url.rpartition(":")[2], folder=folder, modules=modules, guide=guide),
        encoding="utf-8",
    )
    said = folder / "said.log"
    with said.open("wb") as stream:
        process = subprocess.Popen(
            ["/usr/sbin/apache2", "-DFOREGROUND", "-f", str(configuration)],
            stdin=subprocess.DEVNULL, stdout=stream, stderr=stream,
        )  # fmt: skip
        try:
            await_answer(f"{url}/bye.html", process, said)
            yield
        finally:
            end(process)


def test_apache_signs_people_in_and_out_as_the_guide_says(club: ServedClub, folder: Path) -> None:
    url = f"http://localhost:{free_port()}"
    guide = Guide("apache-mod-auth-openidc", {SERVER: club.issuer, "http://localhost:5080": url})
    secret = club.register(guide.registration())
    [configuration] = guide.blocks("apache")
    assert SECRET in configuration
    with apache(folder, url, configuration.replace(SECRET, secret)):
        person = Person()
        page = person.visit(f"{url}/members/")
        page.encoding = "utf-8"
        assert HANAKO.name in page.text
        left = person.visit(f"{url}/members/callback?logout={url}/bye.html", stop_at_forms=True)
        assert (left.url, left.text) == (f"{url}/bye.html", "Bye")
        again = person.visit(f"{url}/members/", stop_at_forms=True)
        assert again.url.startswith(club.issuer), "signed out, one is asked to sign in again"
