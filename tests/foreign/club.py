"""The club as its neighbours on the network see it: two worker processes under an address of their own."""

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import requests

from tests.house.tree import ROOT
from tests.races.arena import FAILURE_MARKS
from tests.world import World

PATIENCE = 30


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def await_answer(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Wait until an address answers, whatever it says; fail with the log of a process that ended."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        try:
            requests.get(url, timeout=5, allow_redirects=False)
        except requests.ConnectionError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(log.read_text(encoding="utf-8", errors="replace"))


def end(process: "subprocess.Popen[bytes]") -> None:
    """End a process, and kill it if it does not listen."""
    process.terminate()
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class ServedClub:
    """The server on a port of its own, with the cast of the demo."""

    def __init__(self, world: World, folder: Path) -> None:
        self.folder, port = folder, free_port()
        self.issuer = f"http://localhost:{port}"
        self.log = folder / "server.log"
        kept = {name: value for name, value in os.environ.items() if not name.startswith("IDP_")}
        self.environment = {
            **kept, "IDP_DATABASE_URL": world.settings.database_url, "IDP_ISSUER": self.issuer,
        }  # fmt: skip
        self._stream: IO[bytes] = self.log.open("wb")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "idp", "serve", "--bind", f"127.0.0.1:{port}", "--workers", "2"],
            env=self.environment, stdout=self._stream, stderr=self._stream, stdin=subprocess.DEVNULL,
            cwd=ROOT,
        )  # fmt: skip

    def await_start(self) -> None:
        """Wait until the server answers."""
        await_answer(f"{self.issuer}/oauth/jwks", self._process, self.log)

    def close(self) -> None:
        """End the processes."""
        end(self._process)
        self._stream.close()

    def idp(self, *arguments: str) -> str:
        """Run a command of the operator and return what it says."""
        ended = subprocess.run(
            [sys.executable, "-m", "idp", *arguments],
            env=self.environment, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE,
        )  # fmt: skip
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    def register(self, metadata: Mapping[str, Any]) -> str:
        """Register a client as an operator does, and return its secret; empty for one without."""
        file = self.folder / f"{metadata['client_id']}.json"
        file.write_text(json.dumps(metadata), encoding="utf-8")
        said = self.idp("client", "register", str(file))
        found = re.search(r"secret: (\S+)", said)
        return found[1] if found else ""

    def failures(self) -> list[str]:
        """Return every line of the log that tells of an error."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return [line for line in lines if any(mark in line for mark in FAILURE_MARKS)]
