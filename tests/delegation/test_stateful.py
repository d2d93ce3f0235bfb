"""The real server agrees with the model at every step, and the same seed plays the same game."""

from pathlib import Path

import pytest

from tests.delegation import stateful
from tests.delegation.stateful import play
from tests.world import Template


@pytest.mark.parametrize("number", [1])
def test_the_server_does_what_the_model_says(template: Template, tmp_path: Path, number: int) -> None:
    """``make stateful`` plays twenty seeds, and longer ones."""
    taken = play(template, tmp_path, number, clubs=2, steps=15)
    assert taken.count("redeem") >= 4
    assert len(taken) >= 35


def test_a_model_that_let_a_revoked_proxy_login_go_on_would_differ(
    template: Template, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stateful, "RIGHT", stateful.model.Model(frozenset({"owner ends"})))
    monkeypatch.setattr(stateful, "MORNING", (*stateful.MORNING, ("owner ends", 0, 0)))
    with pytest.raises(AssertionError):
        play(template, tmp_path, 1, clubs=1, steps=1)
