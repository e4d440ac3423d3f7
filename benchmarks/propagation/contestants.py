# SPDX-License-Identifier: GPL-3.0-or-later
"""Ours and upstream's predictor behind the same few calls.

Both begin with their memory banks full: the records of frame 0 stand for frames 0 to `FILLED` - 1, since
speed does not depend on values. Pictures lie in memory for both; ours are resized within the timings,
upstream's before.
"""

from __future__ import annotations

import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from rotopoint.checkpoints import ResolvedCheckpoint
from rotopoint.shot.frames import SourceFrame
from rotopoint.store import RecordLayout, TrackKey, TrackStore
from rotopoint.tracking.cache import FeatureCache, Kept
from rotopoint.tracking.engine import Engine
from rotopoint.tracking.loop import SubjectTracker
from rotopoint.tracking.policy import Address, Asked, policy_named
from rotopoint.tracking.preprocess import model_input
from rotopoint.tracking.records import SubjectRecords
from rotopoint.tracking.runtime import PointPrompts
from rotopoint.tracking.together import run_together
from tests.core.tracking.upstream import upstream_predictor, upstream_state

FILLED = 16
"""Frames that are taken for tracked: as many as there are object pointers."""

CLIP = 64
"""Frames of the clip, of which few are different pictures."""

PICTURE_SIZE = (1280, 720)
WARM_UP = 2


class Contestant(ABC):
    """Tracks `subjects` subjects, one point each on frame 0, each at a place of its own."""

    @abstractmethod
    def step(self) -> None:
        """Track the next frame of all subjects."""

    @abstractmethod
    def click(self, frame: int) -> None:
        """Answer a correction of the first subject on a tracked frame; each call clicks elsewhere."""


class Upstream(Contestant):
    """SAM2VideoPredictor; `autocast`: under bfloat16 autocast, else in fp32."""

    def __init__(
        self, checkpoint: ResolvedCheckpoint, pictures: list[np.ndarray], subjects: int, autocast: bool
    ) -> None:
        self._autocast = autocast
        self._predictor = upstream_predictor(checkpoint.configuration, checkpoint.path)
        size = checkpoint.configuration.image_size
        inputs = [torch.from_numpy(model_input(p, size)) for p in pictures]
        self._state = upstream_state(_Cycle(inputs), PICTURE_SIZE)
        self._clicks = 0
        with self._precision():
            for subject in range(subjects):
                self._predictor.add_new_points_or_box(
                    self._state, 0, subject, points=_place(subject), labels=np.array([1], np.int32)
                )
            self._predictor.propagate_in_video_preflight(self._state)
            for subject in range(subjects):
                outputs = self._state["output_dict_per_obj"][subject]
                for frame in range(1, FILLED):
                    outputs["non_cond_frame_outputs"][frame] = dict(outputs["cond_frame_outputs"][0])
                    self._state["frames_tracked_per_obj"][subject][frame] = {"reverse": False}
            self._frames = self._predictor.propagate_in_video(self._state, start_frame_idx=FILLED)

    def step(self) -> None:
        with self._precision():
            next(self._frames)

    def click(self, frame: int) -> None:
        self._clicks += 1
        with self._precision():
            self._predictor.add_new_points_or_box(
                self._state, frame, 0, points=_place(0, self._clicks), labels=np.array([1], np.int32)
            )

    def _precision(self) -> torch.autocast | nullcontext[None]:
        return torch.autocast("cpu", torch.bfloat16) if self._autocast else nullcontext()


class Ours(Contestant):
    """The tracking loop and its records, in a store of its own."""

    def __init__(
        self, engine: Engine, pictures: list[np.ndarray], subjects: int, kept: Kept | None = None
    ) -> None:
        self._runtime = engine.runtime
        self._policy = policy_named("default")
        self._folder = tempfile.TemporaryDirectory()
        self._positions = [SourceFrame(n) for n in range(CLIP)]
        self._layout = RecordLayout(engine.runtime.shape.logit_size, engine.runtime.shape.pointer_size)
        self._cache = FeatureCache(engine.runtime, lambda frame: pictures[frame % len(pictures)], kept)
        self._records = [self._open(subject) for subject in range(subjects)]
        self._trackers = [self._tracker(n, {0: _place(n)}) for n in range(subjects)]
        for _ in run_together(self._runtime, [(t, t.steps(0, 0)) for t in self._trackers]):
            pass
        for records in self._records:
            first = records.get(Address(0, 0))
            assert first is not None
            for frame in range(1, FILLED):
                records.append(Address(0, frame), replace(first, frame=SourceFrame(frame), prompted=False))
        self._frames = self._steps()
        self._clicks = 0

    def warm_up(self) -> None:
        """The first frame makes the memories of a whole bank, which push the features of its picture out of
        the cache; the second makes those again. From then on a frame costs what it costs in a long pass."""
        for _ in range(WARM_UP):
            self.step()

    def step(self) -> None:
        for _ in self._trackers:
            next(self._frames)

    def remember(self, frames: Iterable[int]) -> None:
        """What a pass before has left in the cache: features, and memories of the first subject's frames."""
        for frame in frames:
            self._cache.features(SourceFrame(frame))
            record = self._records[0].get(Address(0, frame))
            if record is not None:
                self._cache.memory(record, self._policy.calibrates)

    def prepare(self, frame: int) -> None:
        self._clicked(frame).prepare(frame)

    def click(self, frame: int) -> None:
        self._clicks += 1
        self._clicked(frame).preview(frame)

    def _clicked(self, frame: int) -> SubjectTracker:
        return self._tracker(0, {0: _place(0), frame: _place(0, self._clicks)})

    def _steps(self):
        work = [(t, t.steps(0, CLIP - 1)) for t in self._trackers]
        return (tracked for tracked in run_together(self._runtime, work) if tracked.computed)

    def _tracker(self, subject: int, points: dict[int, np.ndarray]) -> SubjectTracker:
        scale = self._runtime.shape.input_size / np.array(PICTURE_SIZE)
        prompts = {
            frame: PointPrompts((xy * scale).astype(np.float32), np.array([1], np.int32))
            for frame, xy in points.items()
        }
        return SubjectTracker(
            str(subject),
            self._runtime,
            self._cache,
            self._positions,
            Asked(tuple(sorted(prompts))),
            prompts,
            self._policy,
            self._records[subject],
        )

    def _open(self, subject: int) -> SubjectRecords:
        def key(address: Address) -> TrackKey:
            # What is clicked is looked for apart from the track that it corrects.
            return TrackKey("clip", str(subject), str(address.start), "checkpoint", "default", "srgb")

        store = TrackStore(Path(self._folder.name))
        return SubjectRecords(store, self._layout, self._positions, key, write=True)


class _Cycle:
    """A clip of `CLIP` frames that shows few pictures again and again, as `init_state` would hold them."""

    device = torch.device("cpu")

    def __init__(self, inputs: list[torch.Tensor]) -> None:
        self._inputs = inputs

    def __len__(self) -> int:
        return CLIP

    def __getitem__(self, frame: int) -> torch.Tensor:
        return self._inputs[frame % len(self._inputs)]


def _place(subject: int, click: int = 0) -> np.ndarray:
    """(1, 2) a place in the picture, another for each subject and click: what is the same is done once."""
    return np.array([[400.0 + 160 * subject + 7 * click, 300.0 - 60 * subject + 5 * click]], np.float32)
