# SPDX-License-Identifier: GPL-3.0-or-later
"""Subjects tracked on a runtime without a model, as a session tracks them."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from rotopoint.shot.frames import SourceFrame
from rotopoint.store import Record, RecordLayout, TrackKey, TrackStore
from rotopoint.tracking.following import Following
from rotopoint.tracking.loop import FeatureCache, SubjectTracker, TrackedFrame
from rotopoint.tracking.policy import Address, Asked, policy_named
from rotopoint.tracking.records import SubjectRecords
from rotopoint.tracking.runtime import PointPrompts
from rotopoint.tracking.together import run_together
from tests.core.tracking.fake_runtime import SHAPE, FakeRuntime

PICTURES = tuple(SourceFrame(n) for n in range(20))


def picture(frame: SourceFrame) -> np.ndarray:
    return np.full((400, 400, 3), frame, np.uint8)


def point(x: float) -> PointPrompts:
    return PointPrompts(np.array([[x, 1]], np.float32), np.array([1], np.int32))


class Run:
    """Subjects side by side on one store, as a session makes them."""

    def __init__(
        self,
        folder: Path,
        prompts: dict[str, dict[int, float]],
        policy: str = "default",
        *,
        runtime: FakeRuntime | None = None,
        pictures: tuple[SourceFrame, ...] = PICTURES,
        absent: frozenset[int] = frozenset(),
        following: Following | None = None,
        ask: Callable[[float], PointPrompts] = point,
        read: Callable[[SourceFrame], np.ndarray] = picture,
    ) -> None:
        self.following = following
        self.ask = ask
        self.runtime = runtime or FakeRuntime()
        self.pictures = pictures
        self.absent = absent
        self.files = ExitStack()
        self.policy = policy_named(policy)
        self.cache = FeatureCache(self.runtime, read)
        self.trackers = [self._tracker(folder, name, clicks) for name, clicks in prompts.items()]

    def _tracker(self, folder: Path, name: str, clicks: dict[int, float]) -> SubjectTracker:
        asked = Asked(tuple(sorted(clicks)), absent=self.absent)

        def key(address: Address) -> TrackKey:
            influence = self.policy.influence(asked, address)
            absent = [p for p in self.absent if p < max(address)]
            prompts = repr((address.start, [(p, clicks[p]) for p in influence], absent))
            return TrackKey("clip", name, prompts, "draft", self.policy.name, "auto")

        layout = RecordLayout(SHAPE.logit_size, SHAPE.pointer_size, self.policy.logit_type)
        records = SubjectRecords(TrackStore(folder), layout, self.pictures, key, write=True)
        prompts = {position: self.ask(x) for position, x in clicks.items()}
        return SubjectTracker(
            name,
            self.runtime,
            self.cache,
            self.pictures,
            asked,
            prompts,
            self.policy,
            self.files.enter_context(records),
            self.following,
        )

    def frames(self, first: int = 0, last: int | None = None) -> Generator[TrackedFrame]:
        last = len(self.pictures) - 1 if last is None else last
        with self.files:
            yield from run_together(self.runtime, [(t, t.steps(first, last)) for t in self.trackers])

    def result(self, first: int = 0, last: int | None = None) -> dict[tuple[str, int], bytes]:
        return {(t.subject, t.position): content(t.record) for t in self.frames(first, last)}

    def worked_on(self) -> set[tuple[str, int]]:
        return {(t.subject, t.position) for t in self.frames() if t.computed}


def content(record: Record) -> bytes:
    numbers = np.array(
        [record.object_score, record.predicted_iou, record.prompted, *record.region], np.float32
    )
    return record.logits.tobytes() + record.pointer.tobytes() + numbers.tobytes()
