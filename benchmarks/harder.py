# SPDX-License-Identifier: GPL-3.0-or-later
"""Harder footage: what memory is chosen, what memory is for, fast subjects, small ones, corrections.

Run as: python -m benchmarks.harder [--checkpoint NAME] [--only PART]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.davis import Sequence, farthest_point, sequences
from benchmarks.quality import RESULTS, mask_prompt, point_prompt
from benchmarks.scenes import Scene
from rotopoint.checkpoints import resolve
from rotopoint.cli.score import boundary_measure, region_similarity
from rotopoint.cores import share_cores
from rotopoint.mattes import MatteSource, make_matte
from rotopoint.session import ShotSession
from rotopoint.shot import (
    ClipReference,
    Mask,
    Point,
    Prompt,
    Settings,
    Shot,
    Subject,
)
from rotopoint.shot.frames import ClipFrame
from rotopoint.store import TrackStore
from rotopoint.tracking.engine import Engine, load_engine
from rotopoint.tracking.preprocess import point_prompts

SPEEDS = (10, 20, 40, 80)
EVERY = 12
"""Frames from one prompt to the next where speed is met with more prompts."""

ROUNDS = 4
CLICKS = 3
GOOD_ENOUGH, NEARLY_RIGHT = 0.8, 0.9
"""Corrections one after the other, points of one at most, and the IoU at which a person is content: one who
is in a hurry, and one who is not."""

Masks = list[NDArray[np.bool_]]


def track(
    clip: Path, prompts: tuple[Prompt, ...], engine: Engine, policy: str = "default", follow: bool = False
) -> Masks:
    """The masks of all frames, tracked afresh."""
    shot = Shot(
        ClipReference(str(clip)),
        (Subject("1", "subject", prompts, follow=follow),),
        Settings(checkpoint=engine.checkpoint.name, policy=policy),
    )
    with (
        tempfile.TemporaryDirectory() as folder,
        ShotSession(shot, engine.checkpoint, TrackStore(Path(folder))) as session,
    ):
        masks = {
            t.frame: session.matte(session.plans[0], t.frame, t.record) > 0.5
            for t in session.track(engine.runtime)
        }
    return [masks[frame] for frame in sorted(masks)]


def each_frame_alone(sequence: Sequence, engine: Engine) -> Masks:
    """The model without memory: a point, carried as the one farthest inside the last mask."""
    runtime, masks = engine.runtime, []
    truth = next(sequence.masks())
    size = (truth.shape[1], truth.shape[0])
    point = farthest_point(truth)
    for picture in sequence.pictures():
        shown = np.ascontiguousarray(picture[..., ::-1])
        features = runtime.encode_image(shown)
        asked = point_prompts([Point(ClipFrame(1), *point)], None, size, runtime.shape.input_size)
        decoded = runtime.decode_prompts(runtime.condition_on_memory(features, None), asked, calibrates=True)
        plate = shown.astype(np.float32) / 255
        boundary = engine.checkpoint.configuration.boundary
        source = MatteSource(decoded.logits, size, plate=lambda plate=plate: plate, boundary=boundary)
        masks.append(make_matte(source) > 0.5)
        if masks[-1].any():
            point = farthest_point(masks[-1])
    return masks


def flicker(masks: Masks, truth: Masks) -> float:
    """Mean over t of |IoU(M_t, M_t-1) - IoU(T_t, T_t-1)|: change that the truth does not have."""
    changes = [
        abs(region_similarity(m1, m0) - region_similarity(t1, t0))
        for m0, m1, t0, t1 in zip(masks, masks[1:], truth, truth[1:], strict=False)
    ]
    return float(np.mean(changes))


def scores(masks: Masks, truth: Masks) -> tuple[float, float]:
    """J and F without the first and the last frame, as DAVIS evaluates."""
    pairs = list(zip(masks, truth, strict=True))[1:-1]
    return (
        float(np.mean([region_similarity(m, t) for m, t in pairs])),
        float(np.mean([boundary_measure(m, t) for m, t in pairs])),
    )


def j_and_f(masks: Masks, truth: Masks) -> str:
    j, f = scores(masks, truth)
    return f"{100 * j:.1f} / {100 * f:.1f} / {50 * (j + f):.1f}"


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [" | ".join(head), "|".join(["---"] * len(head)), *(" | ".join(row) for row in rows)]
    return "\n".join(f"| {line} |" for line in lines)


def compared(methods: dict[str, Callable[[Sequence], Masks]]) -> str:
    """J / F / J&F of methods by sequence, and the means."""
    results: dict[str, list[tuple[float, float]]] = {name: [] for name in methods}
    rows = []
    for sequence in sequences():
        truth = list(sequence.masks())
        cells = []
        for name, method in methods.items():
            masks = method(sequence)
            results[name].append(scores(masks, truth))
            cells.append(j_and_f(masks, truth))
        rows.append((sequence.name, *cells))
    means = [np.mean(found, axis=0) for found in results.values()]
    rows.append(("**mean**", *(f"**{100 * j:.1f} / {100 * f:.1f} / {50 * (j + f):.1f}**" for j, f in means)))
    return table(("sequence", *methods), rows)


def memories(engine: Engine) -> str:
    def by(prompt: Callable[[Sequence], Prompt], policy: str) -> Callable[[Sequence], Masks]:
        return lambda s: track(s.frames, (prompt(s),), engine, policy)

    body = compared(
        {
            "mask, default": by(mask_prompt, "default"),
            "mask, selective": by(mask_prompt, "selective"),
            "point, default": by(point_prompt, "default"),
            "point, selective": by(point_prompt, "selective"),
        }
    )
    about = "Policy `default` remembers the nearest pictures, `selective` chooses."
    return f"## Which memories\n\n{about}\n\n{body}"


def prompts(engine: Engine) -> str:
    def given(s: Sequence) -> tuple[Prompt, ...]:
        return tuple(Mask(ClipFrame(n + 1), str(s.truth_files[n])) for n in (0, len(s) // 3, 2 * len(s) // 3))

    def clicked(s: Sequence) -> tuple[Prompt, ...]:
        truth = list(s.masks())
        return (given(s)[0], *(Point(p.frame, *farthest_point(truth[p.frame - 1])) for p in given(s)[1:]))

    def by(asked: Callable[[Sequence], tuple[Prompt, ...]], policy: str) -> Callable[[Sequence], Masks]:
        return lambda s: track(s.frames, asked(s), engine, policy)

    body = compared(
        {
            "masks, default": by(given, "default"),
            "masks, forward": by(given, "forward"),
            "mask and points, default": by(clicked, "default"),
            "mask and points, forward": by(clicked, "forward"),
        }
    )
    about = (
        "Prompts on the first frame, after a third and after two thirds: true masks, or a mask and then\n"
        "a point in the middle of the true one."
    )
    return f"## Several prompted frames\n\n{about}\n\n{body}"


def error_click(mask: NDArray[np.bool_], truth: NDArray[np.bool_], frame: ClipFrame) -> Point:
    """A point where the largest error is, as far inside it as can be: positive where the mask lacks it."""
    lacks, spills = truth & ~mask, mask & ~truth
    reach = [
        cv2.distanceTransform(np.pad(e.astype(np.uint8), 1), cv2.DIST_L2, 5).max() for e in (lacks, spills)
    ]
    positive = bool(reach[0] >= reach[1])
    return Point(frame, *farthest_point(lacks if positive else spills), positive)


def corrected(
    sequence: Sequence, first: Prompt, engine: Engine, policy: str, content: float
) -> Iterator[tuple[Masks, int]]:
    """From `first` on frame 1: the masks after 0 to ROUNDS corrections, and the pictures each took.

    A correction is made on the worst frame, by up to CLICKS points on what the preview shows wrong, until its
    IoU is over `content`.
    """
    truth = list(sequence.masks())
    prompts: tuple[Prompt, ...] = (first,)

    def asked() -> Shot:
        subject = Subject("1", sequence.name, prompts)
        settings = Settings(checkpoint=engine.checkpoint.name, policy=policy)
        return Shot(ClipReference(str(sequence.frames)), (subject,), settings)

    with tempfile.TemporaryDirectory() as folder:
        store = TrackStore(Path(folder))
        for _ in range(ROUNDS + 1):
            with ShotSession(asked(), engine.checkpoint, store) as session:
                tracked = list(session.track(engine.runtime))
                found = {t.frame: session.matte(session.plans[0], t.frame, t.record) > 0.5 for t in tracked}
            masks = [found[frame] for frame in sorted(found)]
            yield masks, sum(t.computed for t in tracked)
            done = {p.frame for p in prompts}
            frames = [f for f in sorted(found) if f not in done]
            worst = min(frames, key=lambda f: region_similarity(found[f], truth[f - 1]))
            mask = found[worst]
            for _ in range(CLICKS):
                if region_similarity(mask, truth[worst - 1]) > content:
                    break
                prompts = (*prompts, error_click(mask, truth[worst - 1], worst))
                with ShotSession(asked(), engine.checkpoint, store) as session:
                    answer = session.preview(engine.runtime, "1", worst)
                    mask = session.matte(session.plans[0], worst, answer.record) > 0.5


def corrections(engine: Engine) -> str:
    ways: dict[str, tuple[Callable[[Sequence], Prompt], str, float]] = {
        "mask, default": (mask_prompt, "default", GOOD_ENOUGH),
        "mask, forward": (mask_prompt, "forward", GOOD_ENOUGH),
        "point, default": (point_prompt, "default", GOOD_ENOUGH),
        f"point, content at {NEARLY_RIGHT}": (point_prompt, "default", NEARLY_RIGHT),
    }
    rows = [[str(n)] for n in range(ROUNDS + 1)]
    for first, policy, content in ways.values():
        by_round: list[list[tuple[float, float, float]]] = [[] for _ in rows]
        for sequence in sequences():
            truth = list(sequence.masks())
            for n, (masks, pictures) in enumerate(
                corrected(sequence, first(sequence), engine, policy, content)
            ):
                by_round[n].append((*scores(masks, truth), pictures / len(truth)))
        for n, found in enumerate(by_round):
            j, f, share = np.mean(found, axis=0)
            rows[n] += [f"{100 * j:.1f} / {100 * f:.1f} / {50 * (j + f):.1f}", f"{100 * share:.0f}%"]
    head = ("corrections", *(cell for name in ways for cell in (name, "pictures redone")))
    about = (
        "From the true mask or one point on frame 1; then each time the worst frame is corrected, by up to\n"
        f"{CLICKS} points on what is wrong in the preview, until its IoU is over {GOOD_ENOUGH} (in the last\n"
        f"two columns over {NEARLY_RIGHT}). Means of the seven sequences."
    )
    return f"## Corrections\n\n{about}\n\n{table(head, [tuple(row) for row in rows])}"


def frame_by_frame(engine: Engine) -> str:
    rows, numbers = [], []
    for sequence in sequences():
        truth = list(sequence.masks())
        alone = each_frame_alone(sequence, engine)
        ours = track(sequence.frames, (point_prompt(sequence),), engine)
        found = [(*scores(masks, truth), flicker(masks, truth)) for masks in (alone, ours)]
        numbers.append([*found[0], *found[1]])
        rows.append((sequence.name, *_with_flicker(numbers[-1])))
    rows.append(("**mean**", *(f"**{cell}**" for cell in _with_flicker(np.mean(numbers, axis=0).tolist()))))
    head = ("sequence", "frame by frame", "flicker", "tracked", "flicker")
    about = (
        "The same model from the same point on frame 1, asked frame by frame (the point goes on to the\n"
        "middle of the last mask) and with memory. Flicker: mean change of IoU that the truth does not\n"
        "have, percent."
    )
    return f"## What memory is for\n\n{about}\n\n{table(head, rows)}"


def _with_flicker(numbers: list[float]) -> tuple[str, ...]:
    """Cells of J, F and flicker of two methods."""
    j0, f0, flicker0, j1, f1, flicker1 = (100 * n for n in numbers)
    return (
        f"{j0:.1f} / {f0:.1f} / {(j0 + f0) / 2:.1f}",
        f"{flicker0:.1f}",
        f"{j1:.1f} / {f1:.1f} / {(j1 + f1) / 2:.1f}",
        f"{flicker1:.1f}",
    )


def speed(engine: Engine) -> str:
    rows = []
    for pixels in SPEEDS:
        with tempfile.TemporaryDirectory() as folder:
            clip, files = Scene((1920, 1080), 48, 110, pixels).write(Path(folder))
            truth = [_read_mask(file) for file in files]
            often = tuple(
                Mask(ClipFrame(n + 1), str(files[n])) for n in (*range(0, len(files), EVERY), len(files) - 1)
            )
            rows.append(
                (
                    str(pixels),
                    j_and_f(track(clip, often[:1], engine), truth),
                    j_and_f(track(clip, often[:1], engine, follow=True), truth),
                    j_and_f(track(clip, often, engine), truth),
                )
            )
    head = ("pixels a frame", "default", "follow", f"a mask every {EVERY} frames")
    about = (
        "A star of 220 pixels that goes sideways through a drawn clip of 1920x1080, 48 frames, its mask\n"
        "given on frame 1."
    )
    return f"## Fast subjects\n\n{about}\n\n{table(head, rows)}"


def region(engine: Engine) -> str:
    rows = []
    for radius in (20, 40, 80):
        with tempfile.TemporaryDirectory() as folder:
            clip, files = Scene((3840, 2160), 24, radius, 12, others=6).write(Path(folder))
            truth = [_read_mask(file) for file in files]
            cells: list[str] = []
            for prompt in (Mask(ClipFrame(1), str(files[0])), Point(ClipFrame(1), *farthest_point(truth[0]))):
                for follow in (False, True):
                    masks = track(clip, (prompt,), engine, follow=follow)
                    found = [region_similarity(m, t) for m, t in zip(masks, truth, strict=True)][1:]
                    cells.append(f"{100 * float(np.mean(found)):.1f}")
            rows.append((str(2 * radius), *cells))
    head = ("pixels across", "mask, whole plate", "mask, followed", "point, whole plate", "point, followed")
    about = (
        "A star among six that look alike but for their color, in a drawn clip of 3840x2160, 24 frames,\n"
        "12 pixels a frame. IoU in percent over all frames but the first."
    )
    return f"## Small subjects of large plates\n\n{about}\n\n{table(head, rows)}"


def _read_mask(file: Path) -> NDArray[np.bool_]:
    pixels = cv2.imdecode(np.fromfile(file, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert pixels is not None
    return np.asarray(pixels > 127)


PARTS: dict[str, Callable[[Engine], str]] = {
    "memories": memories,
    "prompts": prompts,
    "corrections": corrections,
    "frame_by_frame": frame_by_frame,
    "speed": speed,
    "region": region,
}


def main() -> int:
    parser = argparse.ArgumentParser(description="Harder footage")
    parser.add_argument("--checkpoint", default="draft")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", choices=list(PARTS), action="append")
    arguments = parser.parse_args()
    if not sequences():
        sys.stderr.write("no DAVIS footage beside the repository\n")
        return 2
    share_cores()
    engine = load_engine(resolve(arguments.checkpoint), arguments.device, arguments.threads)
    title = f"# Harder footage: checkpoint {engine.checkpoint.name}"
    about = "J / F / J&F in percent. Written by `python -m benchmarks.harder`."
    RESULTS.mkdir(exist_ok=True)
    for name in arguments.only or PARTS:
        sys.stderr.write(f"{name}\n")
        page = PARTS[name](engine)
        sys.stdout.write(page + "\n\n")
        sys.stdout.flush()
        file = RESULTS / f"harder_{name}_{engine.checkpoint.name}.md"
        file.write_text("\n\n".join([title, about, page]) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
