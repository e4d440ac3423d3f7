# SPDX-License-Identifier: GPL-3.0-or-later
"""A worker whose alpha solves never end by themselves: whatever else is asked of it comes all the same."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from rotopoint.deliver.kinds import Kind
from rotopoint.events import CancelledEvent, DoneEvent, Event, MatteEvent, PreviewEvent
from rotopoint.shot import Point, Shot
from rotopoint.shot.frames import FrameRange
from rotopoint.shot.json import shot_to_dict
from rotopoint.worker.client import WorkerClient
from rotopoint.worker.protocol import DeliverRequest, FinishRequest, MatteRequest, ShotRequest, TrackRequest
from tests.worker.asking import LIMIT, finish, preview, shot_of, track, with_matte

ENDLESS = """
import sys
from pathlib import Path
from rotopoint.mattes import alpha
from rotopoint.worker.server import main

def endless(matrix, wanted, start, accuracy, steps, between):
    Path({begun!r}).touch()
    # A step's work without end: a residual that comes to be nothing at all would end it.
    while True:
        matrix.times(start)
        between()

alpha.conjugate_gradients = endless
sys.exit(main())
"""


class Endless:
    """The worker, and whether a solve is in progress."""

    def __init__(self, start: Callable[..., WorkerClient], folder: Path) -> None:
        self._begun = folder / "begun"
        self.worker = start(folder / "store", ENDLESS.format(begun=str(self._begun)))

    def send(self, request: object) -> str:
        """A request that solves alpha, when it does so; its id."""
        self._begun.unlink(missing_ok=True)
        self.worker.send(request)
        for _ in range(int(LIMIT / 0.01)):
            if self._begun.exists():
                return request.id
            threading.Event().wait(0.01)
        raise AssertionError("no solve has begun")

    def ends(self, id: str) -> Event:
        return self.worker.wait(id, LIMIT)[-1][0]


@pytest.fixture(scope="module")
def endless(start_worker: Callable[..., WorkerClient], tmp_path_factory: pytest.TempPathFactory) -> Endless:
    made = Endless(start_worker, tmp_path_factory.mktemp("Löser"))
    return made


@pytest.fixture(scope="module")
def soft(clip: Path, endless: Endless) -> Shot:
    """A tracked shot whose alpha is solved."""
    track(endless.worker, shot_of(clip))
    return with_matte(shot_of(clip), alpha=True)


def deliver(shot: Shot, folder: Path) -> DeliverRequest:
    return DeliverRequest("files", shot_to_dict(shot), str(folder), files=Kind.ALPHA.value)


def test_a_newer_setting_takes_the_place_of_a_solve(endless: Endless, soft: Shot) -> None:
    """The one that takes its place has nothing to solve, and comes after it on the same thread."""
    old = endless.send(FinishRequest("old", shot_to_dict(soft), "s1", 2))
    gone = replace(soft.subjects[0], absent=(FrameRange(2, 2),))
    event, _ = finish(endless.worker, replace(soft, subjects=(gone,)), 2)
    assert isinstance(event, MatteEvent)
    assert isinstance(endless.ends(old), CancelledEvent)


def test_a_solve_that_is_given_up_leaves_its_thread_to_the_next(endless: Endless, soft: Shot) -> None:
    old = endless.send(FinishRequest("given up", shot_to_dict(soft), "s1", 2))
    endless.worker.cancel(old)
    assert isinstance(endless.ends(old), CancelledEvent)
    gone = replace(soft.subjects[0], absent=(FrameRange(3, 3),))
    assert isinstance(finish(endless.worker, replace(soft, subjects=(gone,)), 3)[0], MatteEvent)


def test_a_click_is_answered_in_mid_delivery_and_this_can_be_given_up(
    endless: Endless, soft: Shot, tmp_path: Path
) -> None:
    files = endless.send(deliver(soft, tmp_path / "out"))
    assert isinstance(preview(endless.worker, soft, 3)[0], PreviewEvent)
    endless.worker.cancel(files)
    assert isinstance(endless.ends(files), CancelledEvent)
    assert not list((tmp_path / "out").glob("*.png"))


def test_a_track_goes_on_with_a_newer_shot_in_mid_solve(endless: Endless, clip: Path, tmp_path: Path) -> None:
    """It is not in the store, so that pictures are read meanwhile."""
    shot = shot_of(clip, Point(1, 22.0, 21.0))
    going = endless.send(
        TrackRequest("track", shot_to_dict(with_matte(shot, alpha=True)), str(tmp_path / "out"))
    )
    assert isinstance(preview(endless.worker, shot, 3)[0], PreviewEvent)
    endless.worker.send(ShotRequest(going, shot_to_dict(with_matte(shot))))
    assert isinstance(endless.ends(going), DoneEvent)
    assert len(list((tmp_path / "out").glob("*_matte.*.png"))) == 8


def test_a_click_comes_before_a_matte_that_was_asked_for(endless: Endless, soft: Shot) -> None:
    matte = endless.send(MatteRequest("matte", shot_to_dict(soft), "s1", 2))
    assert isinstance(preview(endless.worker, soft, 3)[0], PreviewEvent)
    newer = MatteRequest("newer", shot_to_dict(with_matte(soft, alpha=False)), "s1", 2)
    endless.worker.send(newer)
    assert isinstance(endless.ends(newer.id), MatteEvent)
    assert endless.ends(matte) == CancelledEvent(matte, superseded_by=newer.id)
