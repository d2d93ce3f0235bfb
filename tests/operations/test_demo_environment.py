"""A developer beside the demo: the command ``idp`` speaks to it once the shell has read its ``env``."""

import json
import subprocess
import sys
from pathlib import Path

from tests.house.tree import ROOT
from tests.operations.test_commands import CLIENT


def shell(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", "-c", script], cwd=ROOT, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip


def test_a_client_is_registered_beside_the_demo(tmp_path: Path) -> None:
    data, idp = tmp_path / "it's demo data", f"{sys.executable} -m idp"
    assert shell(f'{idp} demo load --data "{data}"').returncode == 0
    (tmp_path / "client.json").write_text(json.dumps(CLIENT), encoding="utf-8")
    told = shell(f'. "{data}/env" && {idp} client register {tmp_path}/client.json && {idp} client list')
    assert told.returncode == 0, told.stderr
    assert "weather is registered. Its secret: ock_" in told.stdout
    assert "mypage" in told.stdout
    written = (data / "env").read_text(encoding="utf-8")
    secrets = [file.read_text(encoding="utf-8") for file in (data / "secrets").iterdir()]
    assert not [secret for secret in secrets if secret in written]
