"""The folder of the report: a folder for each grant, a CSV file for each day, nothing of who has ended it."""

import csv
import io
import os
import re
import shutil
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

ENDED = "ended"
"""Holds the names of grants that are over: a run that is still reading writes nothing more of them."""
HOURLY = ("generation", "use", "charge", "discharge", "bought", "sold", "stored")
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class ReportFolder:
    """Where the reports are; readable by this system's own user alone."""

    def __init__(self, path: Path) -> None:
        self.path = path
        (path / ENDED).mkdir(parents=True, exist_ok=True, mode=0o700)

    def grants(self) -> list[str]:
        """Return the ids of the grants that something is stored of."""
        return sorted(one.name for one in self.path.iterdir() if _ID.fullmatch(one.name))

    def write(self, delegation: str, *, user_id: int, day: date, items: Iterable[Mapping[str, Any]]) -> bool:
        """Write a day, whole or not at all; return False where the grant was ended meanwhile."""
        if self._is_ended(delegation):
            return False
        folder = self.path / _checked(delegation)
        folder.mkdir(exist_ok=True, mode=0o700)
        unfinished, file = folder / f".{day.isoformat()}", folder / f"{day.isoformat()}.csv"
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8-sig", newline="") as stream:
            stream.write(_csv(user_id, day, items))
        unfinished.replace(file)
        if self._is_ended(delegation):  # while it was being written
            self.drop(delegation)
            return False
        return True

    def drop(self, delegation: str) -> bool:
        """Delete everything of a grant that has ended, for good; return whether there was anything."""
        (self.path / ENDED / _checked(delegation)).touch(mode=0o600)
        folder = self.path / delegation
        was_there = folder.exists()
        shutil.rmtree(folder, ignore_errors=True)
        return was_there

    def _is_ended(self, delegation: str) -> bool:
        return (self.path / ENDED / _checked(delegation)).exists()


def _checked(delegation: str) -> str:
    """Return the id, which becomes the name of a folder: never a path."""
    if not _ID.fullmatch(delegation):
        raise ValueError("not the id of a grant")
    return delegation


def _csv(user_id: int, day: date, items: Iterable[Mapping[str, Any]]) -> str:
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\r\n")
    rows.writerow(
        ["user_id", "day", "product_id", "serial_number", "hour", *(f"{one}_kwh" for one in HOURLY)]
    )
    for item in items:
        for hour in item["hours"]:
            measured = [float(hour[name]) for name in HOURLY]
            named = [user_id, day.isoformat(), int(item["product_id"]), str(item["serial_number"])]
            rows.writerow([*named, int(hour["hour"]), *measured])
    return text.getvalue()
