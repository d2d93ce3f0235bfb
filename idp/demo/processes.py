"""``idp demo run``: the whole club on one machine, as the real processes that would serve it anywhere.

The authorization server and both relying parties run under gunicorn, the outbox worker beside them. Their
data stays in one folder, so that a second start finds everything again.
"""

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

from idp import credentials
from idp.credentials import Sealer, SecretKind
from idp.db import Database, make_engine
from idp.demo import ClientSecrets, load_cast, move_clients
from idp.demo.past import load_past
from idp.demo.postgres import PostgresServer
from idp.demo.systems import register_report
from idp.migrations import runner
from idp.oauth.clients import find_client
from idp.oauth.keys import new_client_key
from idp.settings import Settings
from idp.unit_of_work import unit_of_work

START_SECONDS = 30


class DemoCannotStart(Exception):
    """The demo cannot start; the message says what to do."""


@dataclass(frozen=True)
class Ports:
    """Where the three applications listen on localhost."""

    idp: int = 8000
    mypage: int = 8001
    portal: int = 8002

    def url(self, port: int) -> str:
        """Return the address of one of them."""
        return f"http://localhost:{port}"


@dataclass(frozen=True)
class DemoFolder:
    """Where the demo keeps databases, secrets and logs."""

    path: Path
    postgres: PostgresServer | None = field(default=None, kw_only=True)
    """Runs while the demo does, if that is what the server's database is to be on."""

    def prepare(self) -> None:
        """Make the folder.

        :raises DemoCannotStart: it cannot be written.
        """
        try:
            (self.path / "secrets").mkdir(parents=True, exist_ok=True)
            (self.path / "logs").mkdir(exist_ok=True)
            (self.path / ".writable").write_text("", encoding="utf-8")
        except OSError as error:
            raise DemoCannotStart(
                f"The folder {self.path} cannot be written ({error.strerror}). "
                "Run the demo from a folder of your own, or name one with --data FOLDER."
            ) from error

    def secret(self, name: str, make: Callable[[], str]) -> str:
        """Return a secret of this demo, made at the first start and readable by its user only."""
        file = self.path / "secrets" / name
        if not file.exists():
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
                stream.write(make())
        return file.read_text(encoding="utf-8")

    def database_url(self, name: str) -> str:
        """Return the URL of one of the databases; the relying parties have SQLite files in any case."""
        if self.postgres is not None and name == "idp":
            return self.postgres.url(name)
        return f"sqlite:///{self.path.resolve() / name}.sqlite3"

    def settings(self, ports: Ports) -> Settings:
        """Return the authorization server's settings."""
        return Settings.from_environment(self.environment(ports)["idp"])

    def environment(self, ports: Ports) -> dict[str, dict[str, str]]:
        """Return what each application reads from its environment."""
        session_key = SecretKind.SESSION
        issuer, mypage, portal = ports.url(ports.idp), ports.url(ports.mypage), ports.url(ports.portal)
        make = lambda: credentials.mint_secret(session_key)  # noqa: E731
        portal_key = self.secret("portal_key", lambda: json.dumps(new_client_key()))
        own_mail = ("IDP_SMTP_", "IDP_INSECURE_SMTP_")
        outside = {name: value for name, value in os.environ.items() if name.startswith(own_mail)}
        return {
            "idp": {
                **outside, "IDP_ISSUER": issuer, "IDP_MYPAGE_URL": mypage, "IDP_AGENCY_PORTAL_URL": portal,
                "IDP_DATABASE_URL": self.database_url("idp"), "IDP_SECRET_KEY": self.secret("idp", make),
                "IDP_ENCRYPTION_KEY": self.secret("idp_encryption", make),
                "IDP_INSECURE_INTERNAL_CALLS": "1",  # the relying parties are on this machine
            },
            "mypage": {
                "MYPAGE_BASE_URL": mypage, "MYPAGE_ISSUER": issuer, "MYPAGE_CLIENT_ID": "mypage",
                "MYPAGE_CLIENT_SECRET": self.secret(
                    "mypage_client", lambda: credentials.mint_secret(SecretKind.CLIENT_SECRET)
                ),
                "MYPAGE_DATABASE_URL": self.database_url("mypage"),
                "MYPAGE_SECRET_KEY": self.secret("mypage", make), "MYPAGE_AGENCY_PORTAL_URL": portal,
            },
            "portal": {
                "PORTAL_BASE_URL": portal, "PORTAL_ISSUER": issuer, "PORTAL_CLIENT_ID": "agency-portal",
                "PORTAL_PRIVATE_KEY": portal_key, "PORTAL_DATABASE_URL": self.database_url("portal"),
                "PORTAL_SECRET_KEY": self.secret("portal", make),
                "PORTAL_MYPAGE_INITIATE_LOGIN_URI": f"{mypage}/oidc/initiate",
                "PORTAL_MYPAGE_HOME_URI": f"{mypage}/home",
            },
        }  # fmt: skip

    def write_environment(self, ports: Ports) -> None:
        """Write ``env``: a shell that reads it has ``idp`` speak to this demo. Secrets stay in files."""
        secrets = {"IDP_SECRET_KEY": "idp", "IDP_ENCRYPTION_KEY": "idp_encryption"}
        all_of_it = self.environment(ports)["idp"]
        given = {name: value for name, value in all_of_it.items() if not name.startswith("IDP_SMTP_")}
        for name, file in secrets.items():
            del given[name]
            given[f"{name}_FILE"] = str(self.path.resolve() / "secrets" / file)
        lines = [f"export {name}={shlex.quote(value)}\n" for name, value in sorted(given.items())]
        (self.path / "env").write_text("".join(lines), encoding="utf-8")

    def report_public_jwk(self) -> dict[str, Any]:
        """Return the public half of the key of みらい電工's own system."""
        key: dict[str, Any] = json.loads(self.secret("report_key", lambda: json.dumps(new_client_key())))
        return {name: value for name, value in key.items() if name != "d"}

    def client_secrets(self, ports: Ports) -> ClientSecrets:
        """Return what the relying parties are registered with."""
        environment = self.environment(ports)
        key: dict[str, Any] = json.loads(environment["portal"]["PORTAL_PRIVATE_KEY"])
        public = {name: value for name, value in key.items() if name != "d"}
        return ClientSecrets(environment["mypage"]["MYPAGE_CLIENT_SECRET"], public)


@contextmanager
def open_folder(path: Path, *, on_postgres: bool = False) -> Iterator[DemoFolder]:
    """Make the folder, and let its PostgreSQL server run meanwhile if there is to be one.

    :raises DemoCannotStart: the folder cannot be written.
    :raises PostgresCannotStart: there is no server on this machine, or it does not come up.
    """
    folder = DemoFolder(path)
    folder.prepare()
    if not on_postgres:
        yield folder
        return
    server = PostgresServer(path / "postgres", path / "logs" / "postgres.log")
    try:
        server.start()
        server.create_database("idp")
        yield DemoFolder(path, postgres=server)
    finally:
        server.stop()


def open_database(settings: Settings) -> Database:
    """Return the database that the settings name."""
    return Database(make_engine(settings.database_url), Sealer(settings.encryption_key))


def prepare_data(folder: DemoFolder, ports: Ports) -> bool:
    """Migrate, and load the cast if it is not there yet; return whether it was loaded now."""
    settings = folder.settings(ports)
    folder.write_environment(ports)
    database = open_database(settings)
    runner.upgrade(database.engine)
    with unit_of_work(database) as session:
        is_new = find_client(session, "mypage") is None
        (load_cast if is_new else move_clients)(session, settings, folder.client_secrets(ports))
        if is_new:
            load_past(session, settings)
        register_report(session, folder.report_public_jwk())
    database.engine.dispose()
    return is_new


def check_ports(ports: Ports) -> None:
    """Find out before anything starts whether the ports are free.

    :raises DemoCannotStart: one is taken; says which, and how to choose another.
    """
    for option, port in (
        ("--port", ports.idp),
        ("--mypage-port", ports.mypage),
        ("--portal-port", ports.portal),
    ):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as error:
                raise DemoCannotStart(
                    f"Port {port} is in use by another program. Stop that program (perhaps another demo), "
                    f"or choose another port with `.venv/bin/python -m idp demo run {option} {port + 100}`."
                ) from error


class Processes:
    """The running processes of the demo."""

    def __init__(self, folder: DemoFolder, ports: Ports) -> None:
        self.folder, self.ports = folder, ports
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.logs: list[IO[bytes]] = []

    def start(self) -> None:
        """Start all four and wait until each answers.

        :raises DemoCannotStart: one of them does not come up; shows the end of its log.
        """
        if find_spec("clients") is None:
            raise DemoCannotStart(
                "マイページ and the portal are not part of this installation. "
                "Run the demo from the project's folder."
            )
        environment, ports = self.folder.environment(self.ports), self.ports
        serve = [sys.executable, "-m", "idp", "serve", "--bind", f"127.0.0.1:{ports.idp}"]
        self._spawn("idp", serve, environment["idp"])
        self._gunicorn("mypage", "clients.mypage.app:create_app()", ports.mypage, environment["mypage"])
        self._gunicorn(
            "portal", "clients.agency_portal.app:create_app()", ports.portal, environment["portal"]
        )
        self._spawn("worker", [sys.executable, "-m", "idp", "worker"], environment["idp"])
        for name, port, path in (
            ("idp", ports.idp, "/readyz"), ("mypage", ports.mypage, "/"),
            ("portal", ports.portal, "/agency/login"),
        ):  # fmt: skip
            self._await(name, f"{ports.url(port)}{path}")

    def wait(self, stop: threading.Event) -> str | None:
        """Wait until somebody asks to stop (None) or a process ends by itself (its name)."""
        while not stop.wait(0.3):
            for name, process in self.running.items():
                if process.poll() is not None:
                    return name
            if self.folder.postgres is not None and not self.folder.postgres.is_running:
                return "postgres"
        return None

    def stop(self) -> None:
        """End everything, gently first."""
        for process in self.running.values():
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + 10
        for process in self.running.values():
            try:
                process.wait(max(deadline - time.monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for log in self.logs:
            log.close()
        self.running, self.logs = {}, []

    def log_end(self, name: str, *, lines: int = 15) -> str:
        """Return the last lines that a process wrote."""
        text = (self.folder.path / "logs" / f"{name}.log").read_text(encoding="utf-8", errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def _gunicorn(self, name: str, application: str, port: int, environment: Mapping[str, str]) -> None:
        command = [
            sys.executable, "-m", "gunicorn", application, "--bind", f"127.0.0.1:{port}", "--workers", "2",
            "--threads", "4", "--preload", "--graceful-timeout", "10", "--log-level", "warning",
            "--worker-tmp-dir", "/dev/shm" if Path("/dev/shm").is_dir() else str(self.folder.path),  # noqa: S108
            "--no-control-socket",
        ]  # fmt: skip
        self._spawn(name, command, environment)

    def _spawn(self, name: str, command: list[str], environment: Mapping[str, str]) -> None:
        log = (self.folder.path / "logs" / f"{name}.log").open("ab")
        self.logs.append(log)
        kept = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("IDP_", "MYPAGE_", "PORTAL_"))
        }
        self.running[name] = subprocess.Popen(  # noqa: S603 - our own interpreter and modules
            command, env={**kept, **environment}, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip

    def _await(self, name: str, url: str) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.running[name].poll() is not None:
                break
            try:
                with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - our own http address
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        raise DemoCannotStart(f"{name} did not come up. The end of its log:\n{self.log_end(name)}")
