# SPDX-License-Identifier: GPL-3.0-or-later
"""What each step from a track to a matte brings, and what it costs.

Run as: python -m benchmarks.mattes [stills|color|time|demo|speed|memory ...]

Logits are the true alpha, brought to SAM's resolution, unless a table says that they are tracked. Stills are
those beside the repository; snapping's defaults were chosen on every other of them. The rest is held out, but
was in sight when the alpha solve's were.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.davis import FOOTAGE
from benchmarks.matte_errors import Matte, dtssd, errors
from rotopoint.mattes import MatteSource, coverage, make_matte, upsample
from rotopoint.mattes.alpha import UNKNOWN, solved, trimap
from rotopoint.mattes.clean import keep_largest, mend_border, remove_specks
from rotopoint.mattes.edge import expanded, feathered, smoothed_outline
from rotopoint.mattes.foreground import foreground
from rotopoint.mattes.guided import snapped
from rotopoint.mattes.holes import fill_holes
from rotopoint.mattes.temporal import TIMES, Neighbor, smoothed
from rotopoint.shot import MatteEdge

ROOT = Path(__file__).resolve().parents[1]
STILLS = FOOTAGE.parent / "alpha"
CELLS = (96, 43)
"""Samples across a still: those of the draft model; and as many as make a cell of a still of 320 pixels as
large as one of SAM 2.1's is in a clip of 1920."""

CERTAIN = 1e-3
"""Coverage of a sample that logits tell from none."""

RUNS = 7


@dataclass(frozen=True)
class Still:
    name: str
    plate: NDArray[np.float32]
    alpha: Matte

    def logits(self, cells: int) -> NDArray[np.float32]:
        part = cv2.resize(self.alpha, (cells, cells), interpolation=cv2.INTER_AREA)
        part = np.clip(part, CERTAIN, 1 - CERTAIN)
        return np.log(part / (1 - part)).astype(np.float32)


def stills() -> list[Still]:
    """Those beside the repository, by name; none where they are absent."""
    found = []
    for path in sorted(STILLS.glob("*_alpha.png")):
        name = path.stem.removesuffix("_alpha")
        picture = STILLS / (f"{name}_image.png" if (STILLS / f"{name}_image.png").exists() else f"{name}.png")
        plate = cv2.imread(str(picture))[..., ::-1].astype(np.float32) / 255
        alpha = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE).astype(np.float32) / 255
        found.append(Still(name, np.ascontiguousarray(plate), alpha))
    return found


def cell_of(size: tuple[int, int], logits: NDArray[np.float32]) -> float:
    return max(size[0] / logits.shape[1], size[1] / logits.shape[0])


def made(still: Still, cells: int) -> tuple[dict[str, Matte], NDArray[np.bool_]]:
    """A still's mattes by how they are made, and the unknown band."""
    small = still.logits(cells)
    size = (still.alpha.shape[1], still.alpha.shape[0])
    cell, logits = cell_of(size, small), upsample(small, size)
    known = trimap(logits, cell)
    sharp = coverage(logits, MatteEdge.ANTIALIASED)
    guided = snapped(sharp, logits, still.plate, cell)
    mattes = {
        "thresholded": coverage(logits, MatteEdge.HARD),
        "antialiased": sharp,
        "soft logits": coverage(logits, MatteEdge.SOFT),
        "guided (default)": guided,
        "alpha solve": solved(known, guided, still.plate),
    }
    return mattes, known == UNKNOWN


def report_stills() -> Iterator[str]:
    yield "## Stills: errors in the unknown band, and SAD of the whole picture"
    for cells in CELLS:
        for title, chosen in (("tuned on", stills()[::2]), ("held out", stills()[1::2])):
            rows: dict[str, list[tuple[float, ...]]] = {}
            parts = []
            for still in chosen:
                mattes, band = made(still, cells)
                parts.append(float(band.mean()))
                for name, matte in mattes.items():
                    e = errors(matte, still.alpha, band)
                    all_over = float(np.abs(matte - still.alpha).sum() / 1000)
                    rows.setdefault(name, []).append((e.sad, e.mse, e.gradient, e.connectivity, all_over))
            yield f"\n{cells} cells across, {len(chosen)} stills {title}, band {100 * np.mean(parts):.1f}%\n"
            yield "| | SAD | MSE | gradient | connectivity | SAD, whole | SAD to thresholded |"
            yield "|---|---:|---:|---:|---:|---:|---:|"
            worst = np.array(rows["thresholded"])[:, 0]
            for name, found in rows.items():
                mean, ratio = np.mean(found, axis=0), np.mean(np.array(found)[:, 0] / worst)
                yield f"| {name} | " + " | ".join(f"{v:.2f}" for v in mean) + f" | {ratio:.2f} |"


def report_color() -> Iterator[str]:
    """Each alpha over two other stills, one as the subject's colors: so they are known."""
    found = stills()
    plain, own = [], []
    for n, still in enumerate(found):
        height, width = still.alpha.shape
        front, behind = (cv2.resize(found[(n + k) % len(found)].plate, (width, height)) for k in (3, 6))
        alpha = still.alpha[..., None]
        plate = np.clip(alpha * front + (1 - alpha) * behind, 0, 1)
        band = (still.alpha > 0) & (still.alpha < 1)
        for color, kept in ((plate, plain), (foreground(plate, still.alpha), own)):
            kept.append(float((alpha * np.abs(color - front))[band].mean()))
    yield "## Foreground: error of color times alpha in the band, mean of eleven, 0..1"
    ratio = np.mean(np.array(own) / plain)
    yield f"\nplate {np.mean(plain):.4f}, estimated {np.mean(own):.4f}, {ratio:.2f} of it on a mean still"


def report_time() -> Iterator[str]:
    """A still's subject moves over another still by fractions of a pixel; its matte chatters."""
    yield "## Steadied in time: moving soft alpha whose edge chatters"
    yield "\n| | dtSSD before | after | ratio | SAD before | after | SAD of the true alpha, steadied, % |"
    yield "|---|---:|---:|---:|---:|---:|---:|"
    found = stills()
    for n in range(0, len(found), 2):
        truth, plates, mattes = moving(found[n], found[(n + 4) % len(found)], 12, n)
        steady, kept = (steadied(given, plates) for given in (mattes, truth))
        sums = [
            np.mean([np.abs(a - b).sum() for a, b in zip(m, truth, strict=True)]) for m in (mattes, steady)
        ]
        area = np.mean([t.sum() for t in truth])
        lost = 100 * np.mean([np.abs(a - b).sum() for a, b in zip(kept, truth, strict=True)]) / area
        before, after = dtssd(mattes, truth), dtssd(steady, truth)
        yield (
            f"| {found[n].name} | {before:.2f} | {after:.2f} | {after / before:.2f} "
            f"| {sums[0]:.0f} | {sums[1]:.0f} | {lost:.2f} |"
        )


def moving(
    subject: Still, behind: Still, frames: int, seed: int
) -> tuple[list[Matte], list[NDArray[np.float32]], list[Matte]]:
    """True alpha, plates and chattering mattes of a subject that moves by 2.3 and 0.7 pixels a frame."""
    random = np.random.default_rng(seed)
    height, width = subject.alpha.shape
    ground = cv2.resize(behind.plate, (width, height))
    color = foreground(subject.plate, subject.alpha)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    truth, plates, mattes = [], [], []
    for n in range(frames):
        at_x, at_y = x - np.float32(2.3 * (n - frames / 2)), y - np.float32(0.7 * (n - frames / 2))
        alpha, front = (
            cv2.remap(v, at_x, at_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            for v in (subject.alpha, color)
        )
        noise = random.normal(0, 0.01, (height, width, 3)).astype(np.float32)
        plates.append(np.clip(alpha[..., None] * front + (1 - alpha[..., None]) * ground + noise, 0, 1))
        wobble = cv2.GaussianBlur(random.normal(0, 20, (height, width, 2)).astype(np.float32), (0, 0), 4)
        mattes.append(cv2.remap(alpha, x + wobble[..., 0], y + wobble[..., 1], cv2.INTER_LINEAR))
        truth.append(alpha)
    return truth, plates, mattes


def steadied(
    mattes: Sequence[Matte], plates: Sequence[NDArray[np.float32]], strength: float = 1.0
) -> list[Matte]:
    frames = [Neighbor(m, p) for m, p in zip(mattes, plates, strict=True)]
    return [
        smoothed(f.coverage, f.plate, [frames[n + t] for t in TIMES if 0 <= n + t < len(frames)], strength)
        for n, f in enumerate(frames)
    ]


def report_demo() -> Iterator[str]:
    """The demo clip as it is tracked by the model that ships."""
    from rotopoint.checkpoints import resolve
    from rotopoint.session import ShotSession
    from rotopoint.shot.json import load_shot
    from rotopoint.store import TrackStore
    from rotopoint.tracking.engine import load_engine

    demo = ROOT / "examples" / "demo_clip"
    shot = load_shot(demo / "demo.shot.json")
    truth = [
        cv2.imread(str(p), cv2.IMREAD_GRAYSCALE).astype(np.float32) / 255
        for p in sorted((demo / "truth").glob("*.png"))
    ]
    engine = load_engine(resolve(shot.settings.checkpoint))
    sums: dict[str, list[float]] = {}
    with (
        tempfile.TemporaryDirectory() as folder,
        ShotSession(shot, engine.checkpoint, TrackStore(Path(folder))) as session,
    ):
        for tracked, true in zip(session.track(engine.runtime), truth, strict=True):
            assert tracked.record is not None
            plate = session.clip.read(tracked.record.frame).astype(np.float32) / 255
            small = tracked.record.logits.astype(np.float32)
            logits, cell = upsample(small, session.clip.size), cell_of(session.clip.size, small)
            sharp = coverage(logits, MatteEdge.ANTIALIASED)
            guided = snapped(sharp, logits, plate, cell)
            alpha = solved(trimap(logits, cell), guided, plate)
            for name, matte in (("antialiased", sharp), ("default", guided), ("alpha solve", alpha)):
                sums.setdefault(name, []).append(float(np.abs(matte - true).sum()))
    yield "## The demo clip, tracked: SAD a frame"
    for name, found in sums.items():
        ratio = np.sum(found) / np.sum(sums["antialiased"])
        yield f"\n{name}: {np.mean(found):.0f} ({ratio:.2f} of antialiased), worst {np.max(found):.0f}"


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
        self.small = Still("", plate, alpha).logits(cells)
        self.logits = upsample(self.small, self.size)
        self.sharp = coverage(self.logits, MatteEdge.ANTIALIASED)

    def snapped(self) -> Matte:
        return snapped(self.sharp, self.logits, self.plate, cell_of(self.size, self.small))

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

    demo = ROOT / "examples" / "demo_clip"
    with open_clip(ClipReference(str(demo / "demo.mp4"))) as clip:
        plate = clip.read(SourceFrame(12)).astype(np.float32) / 255
    alpha = cv2.imread(str(demo / "truth" / "demo_truth.0013.png"), cv2.IMREAD_GRAYSCALE)
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
from benchmarks.mattes import banded, large_frame
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


REPORTS = {
    "stills": report_stills,
    "color": report_color,
    "time": report_time,
    "demo": report_demo,
    "speed": report_speed,
    "memory": report_memory,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("reports", nargs="*", help="all by default")
    asked = parser.parse_args().reports or list(REPORTS)
    if unknown := set(asked) - set(REPORTS):
        parser.error(f"no report {', '.join(sorted(unknown))}")
    if not stills() and {"stills", "color", "time"} & set(asked):
        sys.stderr.write("no stills beside the repository\n")
        return 2
    for name in asked:
        for line in REPORTS[name]():
            sys.stdout.write(line + "\n")
            sys.stdout.flush()
        sys.stdout.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
