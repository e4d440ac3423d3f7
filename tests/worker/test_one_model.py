# SPDX-License-Identifier: GPL-3.0-or-later
"""Memory is never asked for two models, whatever is asked when: counted by what lives."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

from rotopoint.checkpoints import ResolvedCheckpoint, resolve
from rotopoint.events import CancelledEvent, DoneEvent, ErrorEvent, Event, FrameEvent, PreviewEvent, ends_work
from rotopoint.shot import Shot
from rotopoint.shot.json import shot_to_dict
from rotopoint.store import TrackStore
from rotopoint.tracking.cache import Kept
from rotopoint.tracking.engine import Engine, load_engine
from rotopoint.worker.engines import Engines
from rotopoint.worker.protocol import (
    CancelRequest,
    LookRequest,
    PrepareRequest,
    PreviewRequest,
    Request,
    ShotRequest,
    ShutdownRequest,
    TrackRequest,
)
from rotopoint.worker.service import Service
from tests.worker.asking import shot_of
from tests.worker.conftest import LONG


class Loaded:
    """What `load_engine` gives; `alive` counts, at each load, the models that still live."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.alive: list[int] = []
        self._models: list[weakref.ref[Any]] = []

    def __call__(self, checkpoint: ResolvedCheckpoint, device: str, threads: int) -> Engine:
        self.names.append(checkpoint.name)
        self.alive.append(sum(model() is not None for model in self._models))
        engine = load_engine(checkpoint, device, threads, "fp32")
        self._models.append(weakref.ref(engine.runtime))
        return engine


class Session:
    """Requests that come when as many frames were tracked as they wait for, the end of a track counted as one
    more, and all that is answered."""

    def __init__(self, folder: Path, *requests: tuple[int, Request]) -> None:
        self.loaded = Loaded()
        self.events: list[Event] = []
        self._requests = list(requests)
        kept = Kept()
        engines = Engines("cpu", 1, self.loaded)
        Service(self, self._sent, engines, TrackStore(folder / "store"), kept, 1).run()  # type: ignore[arg-type]

    def take(self, timeout: float | None = 0.0) -> Request | None:
        frames = sum(isinstance(event, FrameEvent | DoneEvent) for event in self.events)
        if self._requests and self._requests[0][0] <= frames:
            return self._requests.pop(0)[1]
        return ShutdownRequest() if timeout is None else None

    def answer(self, id: str) -> Event:
        """The last event of a request."""
        (last,) = [e for e in self.events if ends_work(e) and getattr(e, "id", None) == id]
        return last

    def _sent(self, event: Event, payload: bytes) -> None:
        self.events.append(event)


@pytest.fixture(scope="module")
def draft(long_clip: Path) -> Shot:
    return shot_of(long_clip)


@pytest.fixture(scope="module")
def other(draft: Shot, tmp_path_factory: pytest.TempPathFactory) -> Shot:
    """The same shot with another checkpoint."""
    known = resolve("draft")
    file = tmp_path_factory.mktemp("Gewichte ä") / "other.safetensors"
    file.write_bytes(known.path.read_bytes())
    text = known.path.with_suffix(".toml").read_text(encoding="utf-8")
    file.with_suffix(".toml").write_text(
        text.replace("image_size = 512", "image_size = 256"), encoding="utf-8"
    )
    return replace(draft, settings=replace(draft.settings, checkpoint=str(file)))


def track(id: str, shot: Shot) -> TrackRequest:
    return TrackRequest(id, shot_to_dict(shot))


def click(id: str, shot: Shot, kind: Callable[..., Request] = PreviewRequest, frame: int = 1) -> Request:
    return kind(id, shot_to_dict(shot), "s1", frame)


def test_a_track_keeps_its_model_and_a_click_on_another_is_told(
    draft: Shot, other: Shot, tmp_path: Path
) -> None:
    session = Session(
        tmp_path,
        (0, track("t", draft)),
        (2, click("same", draft)),
        (2, click("refused", other, frame=2)),
        (2, click("prepared", other, PrepareRequest, 2)),
        (2, click("looked", other, LookRequest, 3)),
        (LONG + 1, click("later", other)),
    )
    assert isinstance(session.answer("same"), PreviewEvent)
    refused = session.answer("refused")
    assert isinstance(refused, ErrorEvent) and refused.error == "ModelInUse"
    assert refused.message == (
        "other.safetensors cannot be loaded while a clip is tracked with draft; "
        "choose draft here too, or wait until it is done or cancel it"
    )
    prepared, looked = session.answer("prepared"), session.answer("looked")
    assert isinstance(prepared, ErrorEvent) and prepared.error == "ModelInUse"
    assert isinstance(looked, ErrorEvent) and looked.error == "TrackMissing"
    done = session.answer("t")
    assert isinstance(done, DoneEvent) and done.computed == LONG
    assert isinstance(session.answer("later"), PreviewEvent)
    assert session.loaded.names == ["draft", "other.safetensors"]
    assert session.loaded.alive == [0, 0]


def test_a_track_that_changes_its_checkpoint_answers_a_click_on_it(
    draft: Shot, other: Shot, tmp_path: Path
) -> None:
    session = Session(
        tmp_path,
        (0, track("t", draft)),
        (2, ShotRequest("t", shot_to_dict(other))),
        (2, click("clicked", other)),
    )
    assert isinstance(session.answer("clicked"), PreviewEvent)
    done = session.answer("t")
    assert isinstance(done, DoneEvent) and done.computed == LONG
    assert session.loaded.names == ["draft", "other.safetensors"]
    assert session.loaded.alive == [0, 0]


def test_a_track_that_was_cancelled_makes_room(draft: Shot, other: Shot, tmp_path: Path) -> None:
    session = Session(tmp_path, (0, track("t", draft)), (2, CancelRequest("t")), (2, click("clicked", other)))
    assert isinstance(session.answer("t"), CancelledEvent)
    assert isinstance(session.answer("clicked"), PreviewEvent)
    assert session.loaded.alive == [0, 0]


def test_tracks_and_clicks_in_turn(draft: Shot, other: Shot, tmp_path: Path) -> None:
    session = Session(
        tmp_path,
        (0, click("1", draft)),
        (0, click("2", other, frame=2)),
        (0, track("3", draft)),
        (LONG + 1, track("4", other)),
        (2 * (LONG + 1), click("5", draft, frame=4)),
    )
    assert not [event for event in session.events if isinstance(event, ErrorEvent)]
    assert session.loaded.names == ["draft", "other.safetensors"] * 2 + ["draft"]
    assert session.loaded.alive == [0] * 5
