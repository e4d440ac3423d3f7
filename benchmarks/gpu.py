# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames a second on a GPU: ours, upstream's predictor, and upstream's compiled one, in one run.

Run as: python -m benchmarks.gpu [--case MODEL:SUBJECTS ...] [--frames N] [--out FILE]

End to end is from 1080p JPEG files to 16-bit PNG mattes; model only is from pictures in memory to tracks.
Upstream runs under bfloat16 autocast, as its own examples do; it writes its masks as they come. Weights are
random, for speed does not depend on them.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import tempfile
import time
import warnings
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rotopoint.cores import share_cores

# Both of these are read when torch and tqdm are imported.
share_cores()
os.environ["TQDM_DISABLE"] = "1"

import cv2  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402

from benchmarks.propagation.clips import InMemory, center, pictures  # noqa: E402
from benchmarks.propagation.models import Model, checkpoint  # noqa: E402
from rotopoint.checkpoints import ResolvedCheckpoint  # noqa: E402
from rotopoint.clip import open_clip  # noqa: E402
from rotopoint.jobs import track_events  # noqa: E402
from rotopoint.session import ShotSession  # noqa: E402
from rotopoint.shot import ClipReference, Point, Shot, Subject  # noqa: E402
from rotopoint.shot.frames import ClipFrame  # noqa: E402
from rotopoint.store import TrackStore  # noqa: E402
from rotopoint.tracking.engine import load_engine  # noqa: E402
from tests.core.tracking.upstream import upstream_predictor  # noqa: E402

CASES = ("base_plus:1", "base_plus:4", "large:1", "tiny:1", "tiny:16")
"""In the order of what is most wanted, for time on a GPU is short."""

SIZE = (1920, 1080)
WARM_UP = 20
"""Frames that each contestant tracks before it is timed: kernels are chosen and compiled then."""

HEAD = (
    "| model | subjects | contestant | end to end, frames/s | model only, frames/s | peak memory, MB |\n"
    "|---|---:|---|---:|---:|---:|"
)


@dataclass(frozen=True)
class Footage:
    """`clip` is a folder of JPEG files, `start` one of its first few."""

    clip: Path
    start: Path
    frames: int


class Contestant(ABC):
    """Tracks `subjects` subjects through a folder of JPEG files."""

    def __init__(self, chosen: ResolvedCheckpoint, device: str, subjects: int) -> None:
        self.chosen, self.device, self.subjects = chosen, device, subjects

    @abstractmethod
    def whole(self, clip: Path, folder: Path) -> None:
        """From files to files."""

    @abstractmethod
    def model(self, clip: Path, folder: Path) -> Callable[[], None]:
        """Get pictures ready; what is returned tracks them."""

    def points(self) -> Iterator[tuple[int, float, float]]:
        """A subject's number, and its point on the first frame."""
        x, y = center(0, SIZE)
        return ((number, x + 5.0 * number, float(y)) for number in range(self.subjects))


class Ours(Contestant):
    """As the command line does it."""

    def __init__(self, chosen: ResolvedCheckpoint, device: str, subjects: int) -> None:
        super().__init__(chosen, device, subjects)
        self._engine = load_engine(chosen, device)

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

    def _shot(self, clip: Path) -> Shot:
        subjects = (Subject(str(n), f"disc {n}", (Point(ClipFrame(1), x, y),)) for n, x, y in self.points())
        return Shot(ClipReference(str(clip)), tuple(subjects))


class Upstream(Contestant):
    """SAM2VideoPredictor; `compiled`: its variant `vos_optimized`."""

    def __init__(
        self, chosen: ResolvedCheckpoint, device: str, subjects: int, compiled: bool = False
    ) -> None:
        super().__init__(chosen, device, subjects)
        self._predictor = upstream_predictor(chosen.configuration, chosen.path, compiled).to(device)

    def whole(self, clip: Path, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for frame, numbers, logits in self._propagated(self._state(clip)):
            for number, mask in zip(numbers, (logits[:, 0] > 0).cpu().numpy(), strict=True):
                content = cv2.imencode(".png", mask.astype(np.uint16) * np.uint16(65535))[1]
                (folder / f"disc_{number}_{frame + 1:04d}.png").write_bytes(content)

    def model(self, clip: Path, folder: Path) -> Callable[[], None]:
        state = self._state(clip)

        def track() -> None:
            deque(self._propagated(state), maxlen=0)

        return track

    def _state(self, clip: Path) -> dict:
        with torch.autocast(torch.device(self.device).type, torch.bfloat16):
            return self._predictor.init_state(str(clip))

    def _propagated(self, state: dict) -> Iterator[tuple[int, list[int], torch.Tensor]]:
        with torch.inference_mode(), torch.autocast(torch.device(self.device).type, torch.bfloat16):
            for number, x, y in self.points():
                self._predictor.add_new_points_or_box(
                    state, 0, number, points=np.array([[x, y]], np.float32), labels=np.array([1], np.int32)
                )
            yield from self._predictor.propagate_in_video(state)


CONTESTANTS: dict[str, Callable[[ResolvedCheckpoint, str, int], Contestant]] = {
    "ours": Ours,
    "upstream": Upstream,
    "upstream vos_optimized": lambda *arguments: Upstream(*arguments, compiled=True),
}


def footage(folder: Path, frames: int) -> Footage:
    """A bright disc that circles over soft noise, 1080p JPEG."""
    clip, start = folder / "clip", folder / "start"
    for part, count in ((clip, frames), (start, min(WARM_UP, frames))):
        part.mkdir()
        for number, picture in enumerate(pictures(count, SIZE), start=1):
            content = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1]
            (part / f"{number:05d}.jpg").write_bytes(content)
    return Footage(clip, start, frames)


def measure(contestant: Contestant, shown: Footage, folder: Path) -> str:
    """Cells of a row: frames a second end to end and of the model alone, peak megabytes on the GPU."""
    contestant.whole(shown.start, folder / "warm up")
    on_gpu = contestant.device.startswith("cuda")
    if on_gpu:
        torch.cuda.reset_peak_memory_stats()
    whole = _seconds(lambda: contestant.whole(shown.clip, folder / "whole"), on_gpu)
    model = _seconds(contestant.model(shown.clip, folder), on_gpu)
    peak = f"{torch.cuda.max_memory_allocated() / 1e6:.0f}" if on_gpu else "-"
    return f"{shown.frames / whole:.1f} | {shown.frames / model:.1f} | {peak}"


def _seconds(work: Callable[[], None], on_gpu: bool) -> float:
    if on_gpu:
        torch.cuda.synchronize()
    started = time.perf_counter()
    work()
    if on_gpu:
        torch.cuda.synchronize()
    return time.perf_counter() - started


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--case", nargs="+", default=list(CASES), help="a model and a number of subjects")
    parser.add_argument("--contestant", nargs="+", choices=CONTESTANTS, default=list(CONTESTANTS))
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--size", type=int, default=1024, help="side of the model's input")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--out", type=Path, help="a Markdown file that the rows are appended to")
    arguments = parser.parse_args()
    # Upstream says at each propagation that it lacks its CUDA extension.
    warnings.filterwarnings("ignore", category=UserWarning)
    on_gpu = arguments.device.startswith("cuda")
    card = torch.cuda.get_device_name(arguments.device) if on_gpu else arguments.device
    _tell(f"\n{card}, torch {torch.__version__}, {arguments.frames} frames of 1080p\n\n{HEAD}", arguments.out)
    with tempfile.TemporaryDirectory() as folder:
        shown = footage(Path(folder), arguments.frames)
        for case in arguments.case:
            name, subjects = case.split(":")
            chosen = checkpoint(Model(name, arguments.size), Path(folder))
            for number, contestant in enumerate(arguments.contestant):
                work = Path(folder) / f"{name} {subjects} {number}"
                who = CONTESTANTS[contestant](chosen, arguments.device, int(subjects))
                cells = measure(who, shown, work)
                _tell(f"| {name} | {subjects} | {contestant} | {cells} |", arguments.out)
                del who
                gc.collect()
                if on_gpu:
                    torch.cuda.empty_cache()
    return 0


def _tell(text: str, out: Path | None) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        with out.open("a", encoding="utf-8") as file:
            file.write(text + "\n")


if __name__ == "__main__":
    sys.exit(main())
