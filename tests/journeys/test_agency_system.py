"""An agency's own system beside the running club: it reads for an owner, and stops when the owner says so."""

import csv
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from click.testing import CliRunner
from joserfc.jwk import ECKey
from sqlalchemy import select, update

from clients.nightly_report.__main__ import main
from clients.nightly_report.club import Club as ClubAsSeen
from clients.nightly_report.folder import ReportFolder
from clients.nightly_report.listener import Listener
from idp import clock
from idp.accounts.models import Account, Member, Product
from idp.demo import HANAKO, AgencyPart, OwnerPart
from idp.demo.systems import REPORT
from idp.oauth.keys import new_client_key
from idp.oauth.systems.service import SystemDetails, register_system
from idp.unit_of_work import unit_of_work
from tests.journeys.club import Club
from tests.journeys.person import Crowd

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "agency-system.md"
SECONDS = 5.0
"""From the owner's word to the end of what is stored elsewhere."""


def register(club: Club, agency: AgencyPart, key: dict[str, object], receiver: str | None) -> str:
    """Register a system as the manager does, and return its client_id."""
    details = SystemDetails(
        "発電量レポート", audiences=("mypage",), jwks={"keys": [{k: v for k, v in key.items() if k != "d"}]},
        event_receiver_uri=receiver,
    )  # fmt: skip
    with unit_of_work(club.casting.database) as session:
        found = select(Member).join(Account, Account.id == Member.account_id)
        manager = session.scalars(found.where(Account.email == agency.email)).one()
        return register_system(session, manager, details, internal_calls=True).client_id


def join_watch_service(club: Club, owner: OwnerPart) -> None:
    """Let the owner's product be watched for some days already."""
    with unit_of_work(club.casting.database) as session:
        joined = clock.now() - timedelta(days=9)
        unit = Product.serial_number == owner.serials[0]
        session.execute(update(Product).where(unit).values(watch_joined_at=joined))


@contextmanager
def listening(club: ClubAsSeen, folder: ReportFolder, server: Listener) -> Iterator[None]:
    server.club, server.folder = club, folder
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()


def test_an_agencys_system_reads_for_an_owner_until_the_owner_ends_it(
    club: Club, person: Crowd, tmp_path: Path
) -> None:
    owner, agency, key = club.casting.owner(), club.casting.agency(), new_client_key()
    delegation = str(club.casting.consent(owner, agency))
    join_watch_service(club, owner)
    file, folder = tmp_path / "key.json", ReportFolder(tmp_path / "reports")
    file.write_text(json.dumps(key), encoding="utf-8")
    unused = ClubAsSeen(club.idp, client_id="", private_key=json.dumps(key), mypage=club.mypage)
    with Listener(("127.0.0.1", 0), unused, folder) as server:
        client_id = register(club, agency, key, f"http://127.0.0.1:{server.server_address[1]}/events")
        seen = ClubAsSeen(club.idp, client_id=client_id, private_key=json.dumps(key), mypage=club.mypage)
        arguments = ["--issuer", club.idp, "--mypage", club.mypage, "--client-id", client_id,
                     "--key-file", str(file), "--folder", str(folder.path)]  # fmt: skip
        with listening(seen, folder, server):
            told = CliRunner().invoke(main, arguments)
            assert (told.exit_code, "読み取り1名" in told.output) == (0, True), told.output
            (report,) = (folder.path / delegation).glob("*.csv")
            rows = list(csv.DictReader(report.read_text(encoding="utf-8-sig").splitlines()))
            assert [row["hour"] for row in rows] == [str(hour) for hour in range(24)]
            assert {(row["user_id"], row["serial_number"]) for row in rows} == {
                (str(owner.user_id), owner.serials[0])
            }

            home = person().enter_mypage(owner.email).open(f"{club.idp}/account/delegations/{delegation}/end")
            ended = time.monotonic()
            home.press("許可を取り消す")
            while folder.grants() and time.monotonic() < ended + SECONDS:
                time.sleep(0.05)
            assert folder.grants() == []
            told = CliRunner().invoke(main, arguments)
            assert (told.exit_code, "読み取り0名" in told.output) == (0, True), told.output


def execute(program: str, given: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", program]
    return subprocess.run(command, env=given, capture_output=True, text=True, timeout=60)


def test_the_programs_of_the_guide_do_what_it_says(club: Club, tmp_path: Path) -> None:
    owner, agency, key = club.casting.owner(), club.casting.agency(), new_client_key()
    club.casting.consent(owner, agency)
    join_watch_service(club, owner)
    (tmp_path / "system.pem").write_bytes(ECKey.import_key(key).as_pem(private=True))
    given = {
        "ISSUER": club.idp, "MYPAGE": club.mypage, "CLIENT_ID": register(club, agency, key, None),
        "KEY_FILE": str(tmp_path / "system.pem"), "DAY": "2026-11-20", "PATH": os.environ["PATH"],
    }  # fmt: skip
    reads, receives = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.S)
    told = subprocess.run(
        [sys.executable, "-c", reads], env=given, capture_output=True, text=True, timeout=60
    )
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout.startswith(f'{owner.user_id} [{{"available": '), told.stdout
    check = receives + "\nprint(app.test_client().post('/events', data=b'x.y.z').get_json()['err'])"
    told = subprocess.run(
        [sys.executable, "-c", check], env=given, capture_output=True, text=True, timeout=60
    )
    assert (told.stdout, told.stderr) == ("invalid_key\n", "")


def test_the_demo_has_such_a_system_of_its_own(club: Club) -> None:
    key = (club.folder.path / "secrets" / "report_key").read_text(encoding="utf-8")
    seen = ClubAsSeen(club.idp, client_id=REPORT, private_key=key, mypage=club.mypage)
    assert HANAKO.user_id in {grant.user_id for grant in seen.grants()}
