"""Rotate a key and die of SIGKILL at the n-th step, for every n; run as a program of its own.

usage: python -m tests.attacks.dying ALG, with the server's settings in the environment. Prints how many steps
a rotation has: statements before and after, begin, commit before and after.
"""

import os
import signal
import sys
from typing import Any

from sqlalchemy import event

from idp.credentials import Sealer
from idp.db import Database, make_engine
from idp.oauth import keys
from idp.settings import Settings
from idp.unit_of_work import unit_of_work

MOST_STEPS = 200


def rotate_and_die(settings: Settings, alg: str, *, at: int) -> None:
    """Rotate, but for the step at which this process ends."""
    database = Database(make_engine(settings.database_url), Sealer(settings.encryption_key))
    done = 0

    def step(*_: Any, **__: Any) -> None:
        nonlocal done
        done += 1
        if done == at:
            os.kill(os.getpid(), signal.SIGKILL)

    for name in ("before_cursor_execute", "after_cursor_execute", "begin", "commit"):
        event.listen(database.engine, name, step)
    with unit_of_work(database) as session:
        keys.rotate(session, alg)
    step()  # after the commit


def main() -> None:
    """Let one child after the other die one step later, until one of them comes to its end."""
    settings, alg = Settings.from_environment(), sys.argv[1]
    for at in range(1, MOST_STEPS):
        child = os.fork()
        if child == 0:
            rotate_and_die(settings, alg, at=at)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status):
            assert os.WEXITSTATUS(status) == 0, "a rotation failed by itself"
            sys.stdout.write(f"{at - 1}\n")
            return
    raise AssertionError("a rotation has no end")


if __name__ == "__main__":
    main()
