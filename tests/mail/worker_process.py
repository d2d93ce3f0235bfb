"""A worker as a process of its own: ``python -m tests.mail.worker_process DATABASE_URL HOST PORT``."""

import sys

from idp.credentials import Sealer
from idp.db import Database, make_engine
from idp.mail.worker import run_worker, stop_on_signals
from idp.settings import Settings
from tests.mail.conftest import PASSWORD, SEALING_KEY


def main() -> None:
    """Deliver mails until a signal comes."""
    url, host, port = sys.argv[1:]
    settings = Settings(
        issuer="https://id.example.jp", mail_sender="account-noreply@club.example",
        smtp_host=host, smtp_port=int(port), smtp_timeout=3, smtp_username="club", smtp_password=PASSWORD,
        INSECURE_public_development=True,
    )  # fmt: skip
    run_worker(
        Database(make_engine(url), Sealer(SEALING_KEY)),
        settings,
        deliverers={},
        jobs=(),
        stop=stop_on_signals(),
    )


if __name__ == "__main__":
    main()
