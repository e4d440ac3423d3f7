# SPDX-License-Identifier: GPL-3.0-or-later
"""Ours and upstream's predictor behind the same few calls, on any device."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import torch

from benchmarks.propagation.clips import InMemory, center
from rotopoint.checkpoints import ResolvedCheckpoint
from rotopoint.clip import open_clip
from rotopoint.jobs import track_events
from rotopoint.session import ShotSession
from rotopoint.shot import ClipReference, Point, Shot, Subject
from rotopoint.shot.frames import ClipFrame
from rotopoint.store import TrackStore
from rotopoint.tracking.cache import FeatureCache
from rotopoint.tracking.engine import Engine, load_engine
from tests.core.tracking.upstream import upstream_predictor

LoadEngine = Callable[[ResolvedCheckpoint, str], Engine]


class Contestant(ABC):
    """Tracks `subjects` subjects, a point each on the first frame, through a folder of JPEG files with
    pictures of `size` (width, height)."""

    def __init__(self, chosen: ResolvedCheckpoint, device: str, subjects: int, size: tuple[int, int]) -> None:
        self.chosen, self.device, self.subjects, self.size = chosen, device, subjects, size

    @abstractmethod
    def whole(self, clip: Path, folder: Path) -> None:
        """From files to files in `folder`."""

    @abstractmethod
    def model(self, clip: Path, folder: Path) -> Callable[[], None]:
        """Get pictures ready; what is returned tracks them."""

    @abstractmethod
    def clicks(self, clip: Path, folder: Path, frame: int) -> Iterator[Callable[[], None]]:
        """Each answers one more correction of the first subject on clip frame `frame`, which was tracked by
        `whole` and then `model` with the same arguments; none where that is not to be measured."""

    def synchronize(self) -> None:
        """Until the device has done what it was asked."""
        if self.device.startswith("cuda"):
            torch.cuda.synchronize(self.device)

    def seconds(self, work: Callable[[], None]) -> float:
        self.synchronize()
        started = time.perf_counter()
        work()
        self.synchronize()
        return time.perf_counter() - started

    def place(self, number: int, frame: int = 1, click: int = 0) -> tuple[float, float]:
        """Where subject `number` is on a clip frame, in pixels; each click is elsewhere."""
        x, y = center(frame - 1, self.size)
        spread = self.size[0] / 400
        return x + spread * number - click, float(y)


class Ours(Contestant):
    """As the command line does it. `load` is `load_engine` with whatever is to be compared."""

    def __init__(
        self,
        chosen: ResolvedCheckpoint,
        device: str,
        subjects: int,
        size: tuple[int, int],
        load: LoadEngine = load_engine,
    ) -> None:
        super().__init__(chosen, device, subjects, size)
        self._engine = load(chosen, device)

    def whole(self, clip: Path, folder: Path) -> None:
        with ShotSession(self._shot(clip), self.chosen, TrackStore(folder / "tracks")) as session:
            deque(track_events("1", session, self._engine, folder / "mattes"), maxlen=0)

    def model(self, clip: Path, folder: Path) -> Callable[[], None]:
        shot = self._shot(clip)
        in_memory = InMemory(open_clip(shot.clip))

        def track() -> None:
            with ShotSession(shot, self.chosen, TrackStore(folder / "model"), in_memory) as session:
                deque(session.track(self._engine.runtime), maxlen=0)

        return track

    def clicks(self, clip: Path, folder: Path, frame: int) -> Iterator[Callable[[], None]]:
        store = TrackStore(folder / "tracks")
        opened = open_clip(self._shot(clip).clip)
        cache = FeatureCache(self._engine.runtime, opened.read)
        clicked = ClipFrame(frame)
        number = 0
        while True:
            number += 1
            shot = self._shot(clip, Point(clicked, *self.place(0, frame, number)))

            def answer(shot: Shot = shot) -> None:
                with ShotSession(shot, self.chosen, store, opened) as session:
                    session.preview(self._engine.runtime, "0", clicked, cache)

            yield answer

    def _shot(self, clip: Path, *corrections: Point) -> Shot:
        """`corrections` are of the first subject."""
        subjects = tuple(
            Subject(
                str(n), f"disc {n}", (Point(ClipFrame(1), *self.place(n)), *(corrections if n == 0 else ()))
            )
            for n in range(self.subjects)
        )
        return Shot(ClipReference(str(clip)), subjects)


class Upstream(Contestant):
    """SAM2VideoPredictor under bfloat16 autocast, as its own examples have it; it writes its masks as they
    come. `compiled`: its variant `vos_optimized`."""

    def __init__(
        self,
        chosen: ResolvedCheckpoint,
        device: str,
        subjects: int,
        size: tuple[int, int],
        compiled: bool = False,
    ) -> None:
        super().__init__(chosen, device, subjects, size)
        self._predictor = upstream_predictor(chosen.configuration, chosen.path, compiled).to(device)
        self._compiled = compiled
        self._tracked: dict = {}

    def whole(self, clip: Path, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for frame, numbers, logits in self._propagated(self._state(clip)):
            for number, mask in zip(numbers, (logits[:, 0] > 0).cpu().numpy(), strict=True):
                content = cv2.imencode(".png", mask.astype(np.uint16) * np.uint16(65535))[1]
                (folder / f"disc_{number}_{frame + 1:04d}.png").write_bytes(content)

    def model(self, clip: Path, folder: Path) -> Callable[[], None]:
        self._tracked = state = self._state(clip)

        def track() -> None:
            deque(self._propagated(state), maxlen=0)

        return track

    def clicks(self, clip: Path, folder: Path, frame: int) -> Iterator[Callable[[], None]]:
        number = 0
        # A click on memories has shapes of its own: compiling once more for it takes most of a minute.
        while not self._compiled:
            number += 1
            xy = self.place(0, frame, number)

            def answer(place: tuple[float, float] = xy) -> None:
                with self._precision():
                    self._click(self._tracked, frame - 1, 0, *place)

            yield answer

    def _state(self, clip: Path) -> dict:
        with self._precision():
            return self._predictor.init_state(str(clip))

    def _propagated(self, state: dict) -> Iterator[tuple[int, list[int], torch.Tensor]]:
        with torch.inference_mode(), self._precision():
            for number in range(self.subjects):
                self._click(state, 0, number, *self.place(number))
            yield from self._predictor.propagate_in_video(state)

    def _click(self, state: dict, frame: int, number: int, x: float, y: float) -> None:
        points, labels = np.array([[x, y]], np.float32), np.array([1], np.int32)
        self._predictor.add_new_points_or_box(state, frame, number, points=points, labels=labels)

    def _precision(self) -> torch.autocast:
        return torch.autocast(torch.device(self.device).type, torch.bfloat16)
