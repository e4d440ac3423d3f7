# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever a request says, it is answered, and the next one is too."""

from __future__ import annotations

import copy
import os
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rotopoint.checkpoints import ResolvedCheckpoint, resolve
from rotopoint.errors import DeviceUnavailable
from rotopoint.events import CancelledEvent, ErrorEvent, Event, PreviewEvent, ends_work
from rotopoint.shot import Mask
from rotopoint.shot.json import shot_to_dict
from rotopoint.store import TrackStore
from rotopoint.tracking.cache import Kept
from rotopoint.worker.client import WorkerClient
from rotopoint.worker.protocol import (
    CancelRequest,
    DeliverRequest,
    LookRequest,
    MatteRequest,
    PrepareRequest,
    PreviewRequest,
    Request,
    ShotRequest,
    ShutdownRequest,
    TrackRequest,
    encode,
)
from rotopoint.worker.service import Service
from tests.worker.asking import CLICK, LIMIT, preview, shot_of

DEEP: list[Any] = []
for _ in range(200):
    DEEP = [DEEP]

ODD = (
    [None, True, -1, 0, 1, 2**31, 10**400, -(10**400), 1e308, float("inf"), float("nan"), [], {}, DEEP, [[]]]
    + ["", ".", "\0", "a\0b", "\ud800", "\udfff.cube", "/", "..", "x" * 5000, "x" * 300 + ".png", "a\nb"]
    + [os.devnull, "/dev/zero", "none.cube", [1, 2], [10**400, 10**400], {"frame": 1}]
)


def places(data: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to each value in plain data."""
    within = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [way, *(place for key, value in within for place in places(value, (*way, key)))]


def with_value(data: Any, way: tuple[Any, ...], value: Any) -> Any:
    if not way:
        return value
    changed = copy.copy(data)
    changed[way[0]] = with_value(data[way[0]], way[1:], value)
    return changed


def full_shot(clip: Path) -> dict[str, Any]:
    shot = shot_to_dict(shot_of(clip, CLICK, Mask(3, "mask.png", 1)))  # type: ignore[arg-type]
    shot["subjects"][0] |= {
        "absent": [[7, 8]],
        "approved": [{"frame": 5, "path": "a.png", "sha256": "0" * 64}],
    }
    return shot


class NoModels:
    """Checkpoints can be had, models cannot."""

    threads = 1

    def __init__(self) -> None:
        self._draft = resolve("draft")

    def devices(self) -> tuple[tuple[str, ...], str]:
        return ("cpu",), "cpu"

    def release_devices(self) -> bool:
        return False

    def checkpoint(self, name: str) -> ResolvedCheckpoint:
        return self._draft if name == "draft" else resolve(name)

    def engine(self, checkpoint: ResolvedCheckpoint) -> None:
        raise DeviceUnavailable("cpu", "this is a test")


class Listed:
    def __init__(self, items: list[Request]) -> None:
        self.items = [*items, ShutdownRequest()]

    def take(self, timeout: float | None = 0.0) -> Request | None:
        # One at a time, each after the work on the one before.
        return self.items.pop(0) if timeout != 0.0 else None


def serve(items: list[Request], folder: Path, engines: Any) -> list[Event]:
    sent: list[Event] = []

    def send(event: Event, payload: bytes) -> None:
        encode(event, payload)
        sent.append(event)

    Service(Listed(items), send, engines, TrackStore(folder), Kept(), 1).run()  # type: ignore[arg-type]
    return sent[1:]


def request_for(kind: type[Any], id: str, shot: Any, subject: str, frame: int, folder: str) -> Request:
    if kind is TrackRequest:
        return TrackRequest(id, shot, folder)
    if kind is DeliverRequest:
        return DeliverRequest(id, shot, folder)
    made: Request = kind(id, shot, subject, frame)
    return made


@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_each_request_is_answered_once_and_the_next_one_too(
    clip: Path, tmp_path: Path, data: st.DataObject
) -> None:
    shot = full_shot(clip)
    for _ in range(data.draw(st.integers(0, 2))):
        way = data.draw(st.sampled_from(places(shot)[1:]))
        shot = with_value(shot, way, data.draw(st.sampled_from(ODD)))
    kind = data.draw(
        st.sampled_from(
            [PreviewRequest, LookRequest, MatteRequest, PrepareRequest, TrackRequest, DeliverRequest]
        )
    )
    subject = data.draw(st.sampled_from(["s1", "", "\ud800", "x" * 5000]))
    frame = data.draw(st.sampled_from([1, 0, -1, 10**400, 2**63]))
    folder = data.draw(st.sampled_from(["\0", "\ud800", "x" * 300]))
    odd = request_for(kind, "odd", shot, subject, frame, folder)
    following = PreviewRequest("following", shot_to_dict(shot_of(clip)), "s1", 1)
    events = serve([odd, following], tmp_path, NoModels())
    assert [e.id for e in events if ends_work(e)] == ["odd", "following"], events  # type: ignore[union-attr]
    assert isinstance(events[-1], ErrorEvent) and events[-1].error == "DeviceUnavailable"
    assert all("\n" not in e.message and len(e.message) < 1000 for e in events if isinstance(e, ErrorEvent))


@pytest.mark.parametrize("error", [ValueError("odd"), TypeError(), OverflowError("too large"), KeyError(1)])
def test_whatever_the_exception(clip: Path, tmp_path: Path, error: Exception) -> None:
    class Failing(NoModels):
        def engine(self, checkpoint: ResolvedCheckpoint) -> None:
            raise error

    shot = shot_to_dict(shot_of(clip))
    items: list[Request] = [TrackRequest("1", shot), PreviewRequest("2", shot, "s1", 1), CancelRequest("2")]
    events = serve(items, tmp_path, Failing())
    assert [(type(e), e.id) for e in events] == [(ErrorEvent, "1"), (ErrorEvent, "2")]
    assert {e.error for e in events if isinstance(e, ErrorEvent)} == {type(error).__name__}


def test_an_interrupt_still_ends_it(clip: Path, tmp_path: Path) -> None:
    class Interrupted(NoModels):
        def engine(self, checkpoint: ResolvedCheckpoint) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        serve([TrackRequest("1", shot_to_dict(shot_of(clip)))], tmp_path, Interrupted())


def test_a_newer_shot_of_any_kind(clip: Path, tmp_path: Path) -> None:
    shot = shot_to_dict(shot_of(clip))
    events = serve([ShotRequest("none", {"version": 10**400}), TrackRequest("1", shot)], tmp_path, NoModels())
    assert [e.id for e in events] == ["none", "1"]  # type: ignore[union-attr]


APPROVED = ("subjects", 0, "approved")


def endless_tiff(path: Path) -> Path:
    """A BigTIFF whose first directory lies beyond what a file can have."""
    path.write_bytes(b"II" + struct.pack("<HHHQ", 43, 8, 0, 2**64 - 1))
    return path


def test_the_real_worker_goes_on(worker: WorkerClient, clip: Path, tmp_path: Path) -> None:
    """After each of the requests that would end or hold up a process that trusts what it is told."""
    good = shot_to_dict(shot_of(clip, id="odd"))
    (tmp_path / "folder").mkdir()
    paths = ["a\0b.png", "\ud800.png", str(endless_tiff(tmp_path / "a.tif")), str(tmp_path / "folder")]
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.png")
        os.mkfifo(tmp_path / "pipe.cube")
        paths += [str(tmp_path / "pipe.png"), "/dev/zero"]
    odd: list[dict[str, Any]] = []
    for path in paths:
        mask = {"kind": "mask", "frame": 1, "path": path}
        odd += [
            with_value(good, ("subjects", 0, "prompts"), [mask]),
            with_value(good, ("clip", "path"), path),
        ]
    odd += [
        with_value(good, ("settings", "input_transform"), path)
        for path in ("a\0.cube", "\ud800.cube", str(tmp_path / "pipe.cube"), str(tmp_path))
    ]
    for number in (10**400, -(10**400)):
        odd += [with_value(good, ("subjects", 0, "prompts", 0, key), number) for key in ("x", "frame")]
    for n, shot in enumerate(odd):
        request: Request = PreviewRequest(f"odd {n}", shot, "odd", 1)
        worker.send(request)
        (event,) = (received.event for received in worker.wait(f"odd {n}", LIMIT))
        assert isinstance(event, ErrorEvent) and event.exit_code == 2, (shot, event)
    approved = [{"frame": 2, "path": str(tmp_path / "pipe.png"), "sha256": "0" * 64}]
    request = TrackRequest(
        "approved", with_value(good, ("subjects", 0, "approved"), approved), str(tmp_path / "m")
    )
    worker.send(request)
    assert isinstance(worker.wait("approved", LIMIT)[-1].event, ErrorEvent)
    for folder in ("a\0b", "\ud800", str(tmp_path / ("x" * 300))):
        worker.send(TrackRequest("folder", good, folder))
        event = worker.wait("folder", LIMIT)[-1].event
        assert isinstance(event, ErrorEvent) and event.error == "OutputUnwritable", event
    assert isinstance(preview(worker, shot_of(clip), 1).event, PreviewEvent)
    assert not isinstance(event, CancelledEvent)
