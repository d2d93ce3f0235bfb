"""The running club with its server under a path, behind a proxy that ends TLS."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from idp.demo.processes import DemoFolder, Ports, Processes, prepare_data
from tests.journeys.club import Club, free_ports
from tests.operations.tls_proxy import Certificate, make_certificate, running_proxy

ROOT = "/club"


@dataclass(frozen=True)
class ProxiedFolder(DemoFolder):
    """The demo's folder, whose three parties know the server by the address of the proxy."""

    issuer: str
    certificate: Certificate

    def environment(self, ports: Ports) -> dict[str, dict[str, str]]:
        """Return the demo's environment with another issuer, and trust in the certificate."""
        environment = super().environment(ports)
        environment["idp"] |= {"IDP_ISSUER": self.issuer, "IDP_TRUSTED_PROXIES": "127.0.0.1"}
        environment["mypage"] |= {"MYPAGE_ISSUER": self.issuer}
        environment["portal"] |= {"PORTAL_ISSUER": self.issuer}
        trusted = {"REQUESTS_CA_BUNDLE": str(self.certificate.file)}
        return {name: values | trusted for name, values in environment.items()}


@dataclass(frozen=True)
class ProxiedClub(Club):
    """A club whose server is met at the proxy."""

    folder: ProxiedFolder

    @property
    def idp(self) -> str:
        """Address of the authorization server."""
        return self.folder.issuer

    @property
    def host(self) -> str:
        """Scheme and host of the server, to which its path is not yet added."""
        return self.folder.issuer.removesuffix(ROOT)

    @property
    def certificate(self) -> str:
        """File of the certificate that the proxy shows."""
        return str(self.folder.certificate.file)


@contextmanager
def running_proxied_club(path: Path) -> Iterator[ProxiedClub]:
    """Run the real processes and the proxy in front of the server."""
    *numbers, front = free_ports(4)
    ports, certificate = Ports(*numbers), make_certificate(path)
    folder = ProxiedFolder(path / "club", f"https://localhost:{front}{ROOT}", certificate)
    folder.prepare()
    prepare_data(folder, ports)
    processes = Processes(folder, ports)
    with running_proxy(certificate, port=front, behind=ports.idp):
        try:
            processes.start()
            club = ProxiedClub(folder, ports)
            yield club
            club.engine.dispose()
        finally:
            processes.stop()
