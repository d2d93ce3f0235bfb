"""A slice of what ``make fuzz`` sends: no strange request fails, and those that are in order are answered."""

from collections import Counter
from pathlib import Path

from tests.attacks.fuzz import errors_logged, own_memory, repeatable, run, sender_in_process, sender_over_http
from tests.attacks.fuzz_seeds import Seeds
from tests.attacks.fuzz_shots import CHANGES, Shot, change
from tests.attacks.stage import Stage
from tests.world import Template, World

IN_PROCESS, OVER_HTTP = 1500, 500


def test_no_strange_request_fails_in_this_process(template: Template, tmp_path: Path) -> None:
    world = World.copied(template, tmp_path)
    with errors_logged() as found:
        report = run(Seeds(world), sender_in_process(world.app, world.settings.issuer), requests=IN_PROCESS,
                     seed=11, memory=own_memory, complaints=lambda: found)  # fmt: skip
    world.close()
    check(report.statuses, IN_PROCESS)


def test_no_strange_request_fails_over_http(stage: Stage) -> None:
    report = run(Seeds(stage), sender_over_http(stage), requests=OVER_HTTP, seed=12, memory=stage.memory,
                 complaints=stage.failures)  # fmt: skip
    check(report.statuses, OVER_HTTP)


def check(statuses: Counter[int], count: int) -> None:
    """Check that the requests reached what they were made for: neither all refused nor all accepted."""
    assert sum(statuses.values()) == count
    assert statuses[200] > count / 20
    assert statuses[303] > count / 20
    assert statuses[400] > count / 5
    assert statuses[401] > count / 40


def test_what_a_fuzzer_begins_with_is_in_order(stage: Stage) -> None:
    """Unchanged, most requests succeed; what does not says no to something that is meant to be refused."""
    seeds, random, send = Seeds(stage), repeatable(5), sender_over_http(stage)
    seeds.renew()
    statuses = Counter(send(seeds.shot(random)) for _ in range(150))
    assert statuses[200] + statuses[303] > 40
    assert max(statuses) < 500


def test_each_kind_of_change_changes_something() -> None:
    random = repeatable(3)
    for one in set(CHANGES):
        seen = set()
        for _ in range(60):
            shot = Shot("POST", "/x", [("a", "b")], [("c", "d")], headers={"Content-Type": "x"})
            if one.__name__ == "change_document":
                shot.document = {"a": ["b"]}
            one(random, shot)
            seen.add((shot.method, shot.target, shot.content, str(shot.headers)))
        assert len(seen) > 1 or one.__name__ in {"move", "send_in_clear"}, one
    assert {change(random, Shot("GET", "/x", [("a", "b")])).target for _ in range(50)} > {"/x?a=b"}
