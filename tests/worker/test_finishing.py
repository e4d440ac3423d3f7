# SPDX-License-Identifier: GPL-3.0-or-later
"""Mattes finished beside the model's work: what waits for what, and what ends when."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from rotopoint import jobs
from rotopoint.checkpoints import resolve
from rotopoint.events import CancelledEvent, Event, MatteEvent, MatteView
from rotopoint.mattes.smaller import smaller
from rotopoint.store import TrackStore
from rotopoint.worker.finishing import Finish, Finishing
from rotopoint.worker.protocol import FinishRequest
from tests.worker.asking import LIMIT, shot_of, with_matte


def test_smaller_keeps_what_is_small() -> None:
    matte = np.arange(8, dtype=np.float32).reshape(2, 4) / 8
    assert smaller(matte, 4) is matte and smaller(matte, None) is matte
    assert np.allclose(smaller(matte, 2), [[2.5 / 8, 4.5 / 8]])


class Slow:
    """Finishes nothing until it is let go: each frame by itself."""

    def __init__(self) -> None:
        self.begun: dict[int, threading.Event] = {n: threading.Event() for n in range(1, 9)}
        self.may_end: dict[int, threading.Event] = {n: threading.Event() for n in range(1, 9)}

    def __call__(
        self, request: str, revised: str, _session: object, subject: str, frame: int, *_: object
    ) -> tuple[MatteEvent, bytes]:
        self.begun[frame].set()
        assert self.may_end[frame].wait(LIMIT)
        return MatteEvent(request, revised, subject, frame, 1, 1, "uint8", False), b"\0"


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Slow]:
    stand_in = Slow()
    monkeypatch.setattr(jobs, "finished", stand_in)
    yield stand_in
    for event in stand_in.may_end.values():
        event.set()


class Sent(list[Event]):
    def __init__(self) -> None:
        self.came = threading.Condition()

    def send(self, event: Event, _payload: bytes) -> None:
        with self.came:
            self.append(event)
            self.came.notify_all()

    def until(self, condition: Callable[[], bool]) -> None:
        with self.came:
            assert self.came.wait_for(condition, LIMIT), self


@pytest.fixture
def sent() -> Sent:
    return Sent()


@pytest.fixture
def finishing(tmp_path: Path, sent: Sent, slow: Slow) -> Iterator[Finishing]:
    made = Finishing(TrackStore(tmp_path), sent.send, lambda *error: pytest.fail(str(error)))
    yield made
    made.close()


def asked(
    clip: Path, id: str, frame: int = 1, *, alpha: bool = False, view: MatteView = MatteView.MATTE
) -> Finish:
    shot = with_matte(shot_of(clip), alpha=alpha)
    return Finish(FinishRequest(id, {}, "s1", frame, view=view), shot, resolve("draft"), None)


def ends(sent: Sent) -> list[tuple[str, str]]:
    return [(event.kind, event.id) for event in sent]  # type: ignore[union-attr]


def test_what_is_quick_does_not_wait_for_an_alpha_solve(
    clip: Path, finishing: Finishing, slow: Slow, sent: Sent
) -> None:
    finishing.ask(asked(clip, "solve", 1, alpha=True))
    assert slow.begun[1].wait(LIMIT)
    slow.may_end[2].set()
    finishing.ask(asked(clip, "quick", 2))
    sent.until(lambda: len(sent) == 1)
    slow.may_end[1].set()
    sent.until(lambda: len(sent) == 2)
    assert ends(sent) == [("matte", "quick"), ("matte", "solve")]


def test_of_those_for_one_frame_the_newest_is_finished(
    clip: Path, finishing: Finishing, slow: Slow, sent: Sent
) -> None:
    finishing.ask(asked(clip, "first", 1))
    assert slow.begun[1].wait(LIMIT)
    finishing.ask(asked(clip, "second", 2))
    finishing.ask(asked(clip, "third", 2))
    slow.may_end[1].set()
    slow.may_end[2].set()
    sent.until(lambda: len(sent) == 3)
    assert sent[0] == CancelledEvent("second", superseded_by="third")
    assert ends(sent)[1:] == [("matte", "first"), ("matte", "third")]


def test_a_trimap_solves_nothing_and_takes_no_matte_s_place(
    clip: Path, finishing: Finishing, slow: Slow, sent: Sent
) -> None:
    finishing.ask(asked(clip, "solve", 1, alpha=True))
    assert slow.begun[1].wait(LIMIT)
    slow.may_end[2].set()
    finishing.ask(asked(clip, "matte", 2))
    finishing.ask(asked(clip, "trimap", 2, alpha=True, view=MatteView.TRIMAP))
    sent.until(lambda: len(sent) == 2)
    assert ends(sent) == [("matte", "matte"), ("matte", "trimap")]


def test_what_is_cancelled_has_ended_at_once_and_is_not_sent_later(
    clip: Path, finishing: Finishing, slow: Slow, sent: Sent
) -> None:
    finishing.ask(asked(clip, "first", 1))
    assert slow.begun[1].wait(LIMIT)
    assert finishing.cancel("first") and not finishing.cancel("first")
    assert sent == [CancelledEvent("first")]
    slow.may_end[1].set()
    slow.may_end[2].set()
    finishing.ask(asked(clip, "next", 2))
    sent.until(lambda: len(sent) == 2)
    assert ends(sent)[1:] == [("matte", "next")]


def test_at_the_end_all_are_cancelled(clip: Path, finishing: Finishing, slow: Slow, sent: Sent) -> None:
    finishing.ask(asked(clip, "first", 1))
    finishing.ask(asked(clip, "second", 2))
    finishing.close()
    assert ends(sent) == [("cancelled", "first"), ("cancelled", "second")]
