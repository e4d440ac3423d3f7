# SPDX-License-Identifier: GPL-3.0-or-later
"""What is done next, by a service whose inbox is a list."""

from __future__ import annotations

from pathlib import Path

import pytest

from rotopoint.errors import ProtocolBroken
from rotopoint.events import CancelledEvent, ErrorEvent, Event, ReadyEvent
from rotopoint.shot import ClipReference, Combination, DrawnMask, Shot, Subject
from rotopoint.store import TrackStore
from rotopoint.tracking.cache import Kept
from rotopoint.worker.inbox import Item
from rotopoint.worker.protocol import (
    CancelRequest,
    LookRequest,
    MatteRequest,
    PrepareRequest,
    PreviewRequest,
    ShotRequest,
    ShutdownRequest,
    TrackRequest,
)
from rotopoint.worker.service import Service, asked_about

# A shot that cannot be read: whatever reaches its turn ends with an error.
SHOT = {"clip": {"path": "a.mp4"}}
OTHER = {"clip": {"path": "b.mp4"}}


class ListedInbox:
    """Requests that have all come already, then a pause, then the end."""

    def __init__(self, *items: Item) -> None:
        self.items = list(items)

    def take(self, timeout: float | None = 0.0) -> Item | None:
        if self.items:
            return self.items.pop(0)
        return ShutdownRequest() if timeout is None else None


class NoEngines:
    """Counts how often devices are given back."""

    threads = 1
    released = 0

    def devices(self) -> tuple[tuple[str, ...], str]:
        return ("cpu", "cuda"), "cuda"

    def release_devices(self) -> bool:
        self.released += 1
        return True


def serve(tmp_path: Path, *items: Item, engines: NoEngines | None = None) -> list[Event]:
    """All events after `ready`."""
    sent: list[Event] = []
    inbox = ListedInbox(*items)
    service = Service(
        inbox, lambda event, _: sent.append(event), engines or NoEngines(), TrackStore(tmp_path), Kept(), 1
    )
    service.run()
    assert sent[0] == ReadyEvent(("cpu", "cuda"), "cuda", 1)
    return sent[1:]


def click(id: str, frame: int = 1, subject: str = "s", shot: dict = SHOT) -> PreviewRequest:
    return PreviewRequest(id, shot, subject, frame)


def test_of_clicks_on_one_frame_only_the_newest_is_answered(tmp_path: Path) -> None:
    events = serve(tmp_path, click("1"), click("2"), click("3"))
    assert events[:2] == [CancelledEvent("1", None, "2"), CancelledEvent("2", None, "3")]
    assert [type(e) for e in events[2:]] == [ErrorEvent] and events[2].id == "3"


@pytest.mark.parametrize("other", [click("2", frame=2), click("2", subject="t"), click("2", shot=OTHER)])
def test_clicks_elsewhere_are_answered_each(tmp_path: Path, other: PreviewRequest) -> None:
    assert [e.id for e in serve(tmp_path, click("1"), other)] == ["1", "2"]


def test_a_look_is_no_newer_click(tmp_path: Path) -> None:
    events = serve(tmp_path, click("1"), LookRequest("2", SHOT, "s", 1), LookRequest("3", SHOT, "s", 1))
    assert events[0] == CancelledEvent("2", None, "3")
    assert [e.id for e in events[1:]] == ["1", "3"]


def test_what_is_prepared_waits_for_clicks_and_only_the_newest_counts(tmp_path: Path) -> None:
    events = serve(
        tmp_path,
        PrepareRequest("1", SHOT, "s", 1),
        PrepareRequest("2", SHOT, "t", 2),
        click("3"),
        click("4", 2),
    )
    assert events[0] == CancelledEvent("1", None, "2")
    assert [e.id for e in events[1:]] == ["3", "4", "2"]


def test_clicks_come_before_looks_and_these_before_what_is_prepared(tmp_path: Path) -> None:
    looks = (LookRequest("1", SHOT, "s", 1), LookRequest("2", SHOT, "s", 2))
    events = serve(tmp_path, PrepareRequest("0", SHOT, "s", 1), *looks, click("3"))
    assert [e.id for e in events] == ["3", "1", "2", "0"]


def test_clicks_come_before_tracks(tmp_path: Path) -> None:
    events = serve(tmp_path, TrackRequest("t", SHOT), click("1"), click("2", frame=2))
    assert [e.id for e in events] == ["1", "2", "t"]


def test_what_waits_can_be_cancelled(tmp_path: Path) -> None:
    waiting = (click("1"), TrackRequest("t", SHOT), TrackRequest("u", SHOT))
    events = serve(tmp_path, *waiting, CancelRequest("1"), CancelRequest("u"), CancelRequest("unknown"))
    assert events[:2] == [CancelledEvent("1"), CancelledEvent("u")]
    assert [(type(e), e.id) for e in events[2:]] == [(ErrorEvent, "t")]


def test_a_newer_shot_reaches_a_track_that_waits(tmp_path: Path) -> None:
    events = serve(tmp_path, TrackRequest("t", SHOT), ShotRequest("t", {"version": 99}))
    assert [(e.id, e.error) for e in events] == [("t", "ShotTooNew")]


def test_a_newer_shot_for_nothing(tmp_path: Path) -> None:
    assert [(e.id, e.error) for e in serve(tmp_path, ShotRequest("t", SHOT))] == [("t", "RequestUnknown")]


def test_garbage_is_told_and_forgotten(tmp_path: Path) -> None:
    events = serve(tmp_path, ProtocolBroken("?", "no JSON"), click("1"))
    assert [(e.id, e.error) for e in events] == [(None, "ProtocolBroken"), ("1", "ShotUnreadable")]


def test_what_is_left_at_the_end_is_cancelled(tmp_path: Path) -> None:
    events = serve(tmp_path, TrackRequest("t", SHOT), click("1"), ShutdownRequest())
    assert events == [CancelledEvent("1"), CancelledEvent("t")]


def test_devices_are_given_back_when_nothing_comes(tmp_path: Path) -> None:
    engines = NoEngines()
    serve(tmp_path, click("1"), engines=engines)
    assert engines.released == 1


def test_a_matte_is_asked_about_with_those_that_it_is_made_of_and_logits_alone() -> None:
    combine = Combination(("cup",), garbage=(DrawnMask("gone.png"),))
    hand, cup, far = Subject("hand", "hand", combine=combine), Subject("cup", "cup"), Subject("far", "far")
    shot = Shot(ClipReference("a.mp4"), (hand, cup, far))
    assert asked_about(shot, MatteRequest("1", {}, "hand", 1)).subjects == (cup, hand)
    (alone,) = asked_about(shot, LookRequest("1", {}, "hand", 1)).subjects
    assert alone.id == "hand" and alone.combine == Combination()
