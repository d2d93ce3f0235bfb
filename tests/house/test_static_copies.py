"""The relying parties look like the server: what both have of style sheets and scripts is the same."""

from pathlib import PurePosixPath

from tests.house.tree import ROOT, files, told

SUFFIXES = (".css", ".mjs", ".js", ".svg", ".png", ".ico")


def test_static_files_of_the_kit_are_copies_of_the_servers() -> None:
    kit = PurePosixPath("clients/relying_party/static")
    copies = files(str(kit), suffixes=SUFFIXES)
    originals = {path: f"idp/static/{PurePosixPath(path).relative_to(kit)}" for path in copies}
    assert f"{kit}/club.css" in copies
    found = [
        f"{copy} is not {original}"
        for copy, original in originals.items()
        if not (ROOT / original).is_file() or (ROOT / copy).read_bytes() != (ROOT / original).read_bytes()
    ]
    assert not found, told(found, rule="Change the original under idp/static, then copy it:")
