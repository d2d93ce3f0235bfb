"""The running club of a test session, and its mails as somebody reads them on the mail page."""

import html
import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import requests
from sqlalchemy import Engine

from idp.demo.processes import DemoFolder, Ports, Processes, open_database, prepare_data
from tests.personas import Casting

_ENTRY = re.compile(r'<a href="/dev/mails/([0-9a-f-]{36})">')
_SUBJECT = re.compile(r"<h1>(.*?)</h1>", re.S)
_TEXT = re.compile(r'<p id="mail-text">(.*?)</p>', re.S)
_LINK = re.compile(r"https?://\S+")


@dataclass(frozen=True)
class Letter:
    """A mail as its reader has it."""

    subject: str
    text: str

    def link(self, path: str) -> str:
        """Return the only address in it that leads to this path."""
        (found,) = {address for address in _LINK.findall(self.text) if f"{path}" in address}
        return found


@dataclass(frozen=True)
class Club:
    """The three addresses, and what a test needs to know of what is behind them."""

    folder: DemoFolder
    ports: Ports

    @property
    def idp(self) -> str:
        """Address of the authorization server."""
        return self.ports.url(self.ports.idp)

    @property
    def mypage(self) -> str:
        """Address of マイページ."""
        return self.ports.url(self.ports.mypage)

    @property
    def portal(self) -> str:
        """Address of the agencies' portal."""
        return self.ports.url(self.ports.portal)

    @property
    def origins(self) -> tuple[str, str, str]:
        """The only places that a browser may ask."""
        return self.idp, self.mypage, self.portal

    @cached_property
    def casting(self) -> Casting:
        """Adds people to this club."""
        return Casting(open_database(self.folder.settings(self.ports)))

    @property
    def engine(self) -> Engine:
        """The server's database, for what only time can bring about."""
        return self.casting.database.engine

    def letters(self, to: str) -> list[Letter]:
        """Return the mails to an address, newest first."""
        page = requests.get(f"{self.idp}/dev/mails", params={"to": to}, timeout=10)
        page.raise_for_status()
        return [self.read(item) for item in _ENTRY.findall(page.text)]

    def letter(self, to: str, subject: str) -> Letter:
        """Return the newest mail to an address whose subject holds this text."""
        letters = self.letters(to)
        for letter in letters:
            if subject in letter.subject:
                return letter
        raise AssertionError(f"no mail 「{subject}」 to {to}, only {[letter.subject for letter in letters]}")

    def read(self, item: str) -> Letter:
        """Return a mail by its id on the mail page."""
        page = requests.get(f"{self.idp}/dev/mails/{item}", timeout=10)
        page.raise_for_status()
        subject, text = _SUBJECT.search(page.text), _TEXT.search(page.text)
        assert subject
        assert text, f"the mail {item} is not kept"
        lines = re.sub(r"<br>", "\n", text[1])
        return Letter(_unmark(subject[1]).strip(), _unmark(lines))


@contextmanager
def running_club(path: Path) -> Iterator[Club]:
    """Run the real processes on free ports, with data of their own."""
    ports = Ports(*free_ports(3))
    folder = DemoFolder(path)
    folder.prepare()
    prepare_data(folder, ports)
    processes = Processes(folder, ports)
    try:
        processes.start()
        club = Club(folder, ports)
        yield club
        club.engine.dispose()
    finally:
        processes.stop()


def _unmark(fragment: str) -> str:
    """Return the text of a piece of HTML."""
    return html.unescape(re.sub(r"<[^>]+>", "", fragment))


def free_ports(count: int) -> list[int]:
    """Return ports of this machine on which nobody listens."""
    with ExitStack() as taken:
        sockets = [taken.enter_context(socket.socket()) for _ in range(count)]
        for free in sockets:
            free.bind(("127.0.0.1", 0))
        return [free.getsockname()[1] for free in sockets]
