# SPDX-License-Identifier: GPL-3.0-or-later
"""Ctrl-C while alpha is solved, which takes seconds a frame: the command line does not wait for that."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from rotopoint.cli import main
from rotopoint.cli.ending import interruptible
from rotopoint.errors import Cancelled
from rotopoint.mattes import alpha
from rotopoint.session import ShotSession
from rotopoint.shot.json import save_shot

LIMIT = 30.0
"""Seconds that a solve waits at most for being told to end."""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_solve_gives_way(
    stored: Callable[..., ShotSession],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    number: signal.Signals,
) -> None:
    """It never ends by itself."""
    gave_way: list[bool] = []

    def endless(*_: object) -> None:
        between: Callable[[], None] = _[-1]  # type: ignore[assignment]
        signal.raise_signal(number)
        try:
            for _turn in range(int(LIMIT / 0.01)):
                between()
                threading.Event().wait(0.01)
        except Cancelled:
            gave_way.append(True)
            raise
        raise AssertionError("nobody has told it to end")

    monkeypatch.setattr(alpha, "conjugate_gradients", endless)
    with stored() as session:
        save_shot(session.shot, tmp_path / "shot.json")
    out = tmp_path / "out"
    words = ["deliver", tmp_path / "shot.json", "-o", out, "--store", tmp_path / "store", "--as", "alpha"]
    assert main([str(word) for word in words]) == 130
    assert gave_way and not list(out.glob("*.png"))
    assert capsys.readouterr().err.splitlines()[-1] == "rotopoint: cancelled; finished frames are kept"


def test_signals_are_as_before_when_it_is_over() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with pytest.raises(KeyboardInterrupt), interruptible() as between:
        between()
        signal.raise_signal(signal.SIGINT)
    with pytest.raises(Cancelled):
        between()
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
