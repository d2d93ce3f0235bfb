"""Copies what the relying parties share with the server's look: style sheet, scripts and template macros.

The originals are under ``idp/static`` and ``templates/_macros``. The relying parties are installed without
the server, so that they cannot read them there; tests/house compares the copies.
"""

import sys
from pathlib import Path
from shutil import copyfile

ROOT = Path(__file__).resolve().parent.parent
KIT = ROOT / "clients" / "relying_party"
COPIES = {
    ROOT / "idp" / "static": (KIT / "static", ("club.css", "club.svg", "js/focus.mjs", "js/fold.mjs")),
    ROOT / "templates" / "_macros": (KIT / "templates" / "_macros", ("forms.html", "parts.html")),
}


def sync() -> list[Path]:
    """Copy every file that differs, and return the copies made."""
    copied = []
    for source_folder, (target_folder, names) in COPIES.items():
        for name in names:
            source, target = source_folder / name, target_folder / name
            if target.is_file() and target.read_bytes() == source.read_bytes():
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            copyfile(source, target)
            copied.append(target)
    return copied


if __name__ == "__main__":
    for path in sync():
        sys.stdout.write(f"{path.relative_to(ROOT)}\n")
