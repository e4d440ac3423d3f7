# SPDX-License-Identifier: GPL-3.0-or-later
"""What each step costs, in time and in memory."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.matte_errors import Matte
from benchmarks.mattes.demo import DEMO
from benchmarks.mattes.steps import cell_of, logits_of
from rotopoint.mattes import MatteSource, coverage, make_matte, upsample
from rotopoint.mattes.alpha import UNKNOWN, solved, trimap
from rotopoint.mattes.boundary import refined
from rotopoint.mattes.clean import keep_largest, mend_border, remove_specks
from rotopoint.mattes.edge import expanded, feathered, smoothed_outline
from rotopoint.mattes.foreground import foreground
from rotopoint.mattes.guided import snapped
from rotopoint.mattes.holes import fill_holes
from rotopoint.mattes.temporal import TIMES, Neighbor, smoothed
from rotopoint.shot import MatteEdge

RUNS = 7


def report_speed() -> Iterator[str]:
    """At 1080p, of a frame of the demo clip; a thread's own time, so that other programs do not count."""
    plate, alpha = large_frame((1920, 1080))
    yield "## Speed: milliseconds of one thread's work at 1920x1080, medians; and wall time on two threads"
    yield "\n| | 1 thread | wall, 2 threads |\n|---|---:|---:|"
    yield _row("default chain, 96 cells", Steps(plate, alpha, 96).default)
    yield _row("default chain, 256 cells", Steps(plate, alpha, 256).default)
    steps = Steps(plate, alpha, 96)
    logits, sharp = steps.logits, steps.sharp
    yield _row("of it snapped, 96 cells", steps.snapped)
    yield _row("of it snapped, 256 cells", Steps(plate, alpha, 256).snapped)
    yield _row("its boundary refined, 128 cells", Steps(plate, alpha, 128).refined)
    yield _row("upsampled", lambda: upsample(steps.small, (1920, 1080)))
    yield _row("coverage, antialiased", lambda: coverage(logits, MatteEdge.ANTIALIASED))
    yield _row("holes", lambda: fill_holes(sharp, 100))
    yield _row("specks", lambda: remove_specks(sharp, 100))
    yield _row("largest part", lambda: keep_largest(sharp, 1))
    yield _row("border", lambda: mend_border(sharp, 4))
    yield _row("expanded by 2.5", lambda: expanded(sharp, 2.5))
    yield _row("feathered by 8", lambda: feathered(sharp, 8))
    yield _row("outline smoothed by 6", lambda: smoothed_outline(sharp, 6))
    yield _row("trimap", lambda: trimap(logits, 7.5))
    other = [Neighbor(sharp, np.roll(plate, 2 * n, 1)) for n in TIMES]
    yield _row("steadied by four neighbors", lambda: smoothed(sharp, plate, other, 1.0))
    yield _row("foreground", lambda: foreground(plate, alpha))
    known = banded(alpha, 0.08)
    part = float((known == UNKNOWN).mean())
    for threads in (1, 2):
        started, worked = time.perf_counter(), time.process_time()
        solved(known, sharp, plate, threads)
        wall, work = time.perf_counter() - started, time.process_time() - worked
        million = part * plate.shape[0] * plate.shape[1] / 1e6
        yield (
            f"\nalpha solve, band {100 * part:.1f}%, {threads} threads: {wall:.2f} s, {work:.2f} s of work, "
            f"{work / million:.1f} s of work a megapixel of band"
        )


class Steps:
    """The default chain's steps on one frame, whose logits are `cells` across."""

    def __init__(self, plate: NDArray[np.float32], alpha: Matte, cells: int) -> None:
        self.plate = plate
        self.size = (plate.shape[1], plate.shape[0])
        self.small = logits_of(alpha, cells)
        self.logits = upsample(self.small, self.size)
        self.sharp = coverage(self.logits, MatteEdge.ANTIALIASED)

    def snapped(self) -> Matte:
        return snapped(self.sharp, self.logits, self.plate, cell_of(self.size, self.small))

    def refined(self) -> Matte:
        return refined(self.logits, self.small, self.plate)

    def default(self) -> Matte:
        source = MatteSource(self.small, self.size, plate=lambda: self.plate)
        return make_matte(source)


def _row(name: str, work: Callable[[], object]) -> str:
    cv2.setNumThreads(1)
    own = [_timed(work, time.thread_time) for _ in range(RUNS)]
    cv2.setNumThreads(2)
    wall = [_timed(work, time.perf_counter) for _ in range(RUNS)]
    return f"| {name} | {1000 * np.median(own):.0f} | {1000 * np.median(wall):.0f} |"


def _timed(work: Callable[[], object], clock: Callable[[], float]) -> float:
    started = clock()
    work()
    return clock() - started


def large_frame(size: tuple[int, int]) -> tuple[NDArray[np.float32], Matte]:
    """A frame of the demo clip and its truth at a size (width, height)."""
    from rotopoint.clip import open_clip
    from rotopoint.shot import ClipReference
    from rotopoint.shot.frames import SourceFrame

    with open_clip(ClipReference(str(DEMO / "demo.mp4"))) as clip:
        plate = clip.read(SourceFrame(12)).astype(np.float32) / 255
    alpha = cv2.imread(str(DEMO / "truth" / "demo_truth.0013.png"), cv2.IMREAD_GRAYSCALE)
    plate, alpha = (
        cv2.resize(v, size, interpolation=cv2.INTER_CUBIC) for v in (plate, alpha / np.float32(255))
    )
    return np.clip(plate, 0, 1), np.clip(alpha, 0, 1).astype(np.float32)


def banded(alpha: Matte, part: float) -> Matte:
    """A trimap whose unknown band around the edge is about this part of the picture."""
    inside = (alpha > 0.5).astype(np.uint8)
    far = cv2.distanceTransform(inside, cv2.DIST_L2, 5) + cv2.distanceTransform(1 - inside, cv2.DIST_L2, 5)
    band = far <= np.quantile(far, part)
    return np.where(band, UNKNOWN, inside).astype(np.float32)


MEASURED_MEMORY = """
import resource, sys
from benchmarks.mattes.speed import banded, large_frame
from rotopoint.mattes.alpha import solved
from rotopoint.mattes.foreground import foreground
from rotopoint.mattes import coverage, upsample
plate, alpha = large_frame((3840, 2160))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
found = solved(banded(alpha, 0.08), alpha, plate, 2)
solve = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
foreground(plate, found)
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(*(round(n / 1024) for n in (before, solve, after)))
"""


def report_memory() -> Iterator[str]:
    done = subprocess.run([sys.executable, "-c", MEASURED_MEMORY], capture_output=True, text=True, check=True)
    before, solve, after = done.stdout.split()
    yield "## Peak memory at 3840x2160, plate and matte in memory, band 8%, two threads"
    yield f"\nbefore {before} MiB, with the alpha solve {solve} MiB, with the foreground {after} MiB"
