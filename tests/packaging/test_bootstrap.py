"""What make demo says on a machine that lacks something: a sentence with the next step, no traceback."""

import os
import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.house.tree import ROOT

TOOLS = ("bash", "cat", "dirname", "env", "flock", "grep", "id", "mktemp", "rm", "sha256sum", "tail")
OLD_PYTHON = '#!/bin/sh\ncase "$*" in *python_version*) echo 3.9.2;; *) exit 1;; esac\n'
PYTHON_WITHOUT_VENV = '#!/bin/sh\ncase "$*" in *ensurepip*) exit 1;; *) exec {python} "$@";; esac\n'
ORDINARY_USER = "#!/bin/sh\necho 1000\n"


@dataclass(frozen=True)
class Machine:
    """A clone of the project on a machine that has only the commands it was given."""

    clone: Path
    commands: Path

    def add_command(self, name: str, script: str) -> None:
        """Put a shell script on the PATH."""
        command = self.commands / name
        command.unlink(missing_ok=True)
        command.write_text(script, encoding="utf-8")
        command.chmod(0o755)

    def bootstrap(self, wanted: str = "runtime", **environment: str) -> "subprocess.CompletedProcess[str]":
        """Run what `make demo` runs first, or another step of it."""
        return subprocess.run(
            [self.commands / "bash", "tools/bootstrap.sh", wanted],
            cwd=self.clone,
            env={
                "PATH": str(self.commands),
                "HOME": str(self.clone),
                "PIP_CONFIG_FILE": os.devnull,
                **environment,
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Return a machine with the tools of Debian's essential packages, and no Python."""
    clone, commands = tmp_path / "clone", tmp_path / "bin"
    commands.mkdir()
    for folder in ("tools", "requirements"):
        shutil.copytree(ROOT / folder, clone / folder)
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found, f"{tool} is part of every Debian"
        (commands / tool).symlink_to(found)
    return Machine(clone, commands)


def expect_sentence(ended: "subprocess.CompletedProcess[str]", *words: str) -> None:
    """Check that it failed with these words, and with nothing that only a programmer reads."""
    assert ended.returncode != 0
    for word in words:
        assert word in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "line " not in ended.stderr


def test_without_python_it_says_what_to_install(machine: Machine) -> None:
    expect_sentence(
        machine.bootstrap(), "Python was not found", "sudo apt-get install -y python3 python3-venv"
    )


def test_an_old_python_is_named_with_its_version(machine: Machine) -> None:
    machine.add_command("python3", OLD_PYTHON)
    expect_sentence(
        machine.bootstrap(), "needs Python 3.11 or newer", "python3 is Python 3.9.2", "apt-get install"
    )


def test_an_ordinary_user_is_told_the_command_for_the_missing_venv_module(machine: Machine) -> None:
    machine.add_command("python3", PYTHON_WITHOUT_VENV.format(python=sys.executable))
    machine.add_command("id", ORDINARY_USER)
    machine.add_command("apt-get", "#!/bin/sh\nexit 99\n")
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    expect_sentence(machine.bootstrap(), f"sudo apt-get install -y python{version}-venv", "administrator")


def test_an_ordinary_user_is_told_the_command_for_the_clients_of_others(machine: Machine) -> None:
    machine.add_command("id", ORDINARY_USER)
    machine.add_command("apt-get", "#!/bin/sh\nexit 99\n")
    expect_sentence(
        machine.bootstrap("foreign"),
        "sign in with clients",
        "sudo apt-get install -y nodejs npm",
        "administrator",
    )


def test_an_environment_is_taken_as_finished_until_its_lock_changes_and_not_when_that_fails(
    machine: Machine,
) -> None:
    machine.add_command("python3.11", f'#!/bin/sh\nexec {getattr(sys, "_base_executable", "")} "$@"\n')
    lock = machine.clone / "requirements/runtime.txt"
    wanted = lock.read_text(encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    unreachable = {"PIP_INDEX_URL": f"http://127.0.0.1:{port}/simple", "PIP_RETRIES": "0"}

    lock.write_text("# nothing to install\n", encoding="utf-8")
    assert machine.bootstrap(**unreachable).returncode == 0
    again = machine.bootstrap(**unreachable)
    assert (again.returncode, again.stderr) == (0, "")

    lock.write_text(wanted, encoding="utf-8")
    expect_sentence(machine.bootstrap(**unreachable), "cannot be reached", "Check the network")
    assert (machine.clone / ".venv/bin/python").exists()
    assert not list(machine.clone.glob(".venv/complete-*"))
