# SPDX-License-Identifier: GPL-3.0-or-later
"""J&F on DAVIS from one point, a box and the true mask on frame 1, beside two baselines of the same run, and
the IoU of what one prompt gives on frame 1.

Run as: python -m benchmarks.quality [--checkpoint NAME] [--first-frame]

`--first-frame` prints that IoU alone, in a minute; the page is left as it is.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from benchmarks.baselines import carried_by_flow, held_still, score_sequence
from benchmarks.davis import Sequence, farthest_point, sequences
from rotopoint.checkpoints import resolve
from rotopoint.cli.score import FolderScore, region_similarity
from rotopoint.cores import share_cores
from rotopoint.session import ShotSession
from rotopoint.shot import Box, ClipReference, Mask, Point, Prompt, Settings, Shot, Subject
from rotopoint.shot.frames import ClipFrame
from rotopoint.store import TrackStore
from rotopoint.tracking.engine import Engine, load_engine

RESULTS = Path(__file__).parent / "results"
FIRST = ClipFrame(1)

Scores = dict[str, dict[str, FolderScore]]
"""By method, then by sequence."""

FirstFrames = dict[str, dict[str, float]]
"""IoU on frame 1 by prompt, then by sequence; 0..1."""


def point_prompt(sequence: Sequence) -> Prompt:
    return Point(FIRST, *farthest_point(next(sequence.masks())))


def box_prompt(sequence: Sequence) -> Prompt:
    """Around the true mask."""
    mask = next(sequence.masks())
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return Box(FIRST, float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1))


def mask_prompt(sequence: Sequence) -> Prompt:
    return Mask(FIRST, str(sequence.truth_files[0]))


PROMPTS: Mapping[str, Callable[[Sequence], Prompt]] = {
    "one point": point_prompt,
    "a box": box_prompt,
    "true mask": mask_prompt,
}
"""What is given on frame 1, by name."""

ANSWERED = ("one point", "a box")
"""A mask is not answered on its frame, but kept as it is."""


def tracked(
    sequence: Sequence, prompt: Prompt, engine: Engine, policy: str = "default"
) -> Iterator[NDArray[np.float32]]:
    """The mattes of all frames, in order, tracked afresh from one prompt."""
    shot = Shot(
        ClipReference(str(sequence.frames)),
        (Subject("1", sequence.name, (prompt,)),),
        Settings(checkpoint=engine.checkpoint.name, policy=policy),
    )
    with (
        tempfile.TemporaryDirectory() as folder,
        ShotSession(shot, engine.checkpoint, TrackStore(Path(folder))) as session,
    ):
        for frame in session.track(engine.runtime):
            yield session.matte(session.plans[0], frame.frame, frame.record)


def _tracking(
    prompt: Callable[[Sequence], Prompt], engine: Engine, policy: str
) -> Callable[[Sequence], Iterator[NDArray[np.float32]]]:
    return lambda sequence: tracked(sequence, prompt(sequence), engine, policy)


def measure_first_frames(engine: Engine, policy: str) -> FirstFrames:
    """IoU on frame 1 of what each prompt gives there, nothing else being tracked."""
    return {
        name: {
            s.name: region_similarity(next(tracked(s, PROMPTS[name](s), engine, policy)), next(s.masks()))
            for s in sequences()
        }
        for name in ANSWERED
    }


def measure(engine: Engine, policy: str) -> tuple[Scores, float]:
    """The scores of all methods, and seconds a frame of tracking with decoding and mattes."""
    methods: Mapping[str, Callable[[Sequence], Iterator[NDArray[Any]]]] = {
        "held still": held_still,
        "DIS flow": carried_by_flow,
        **{name: _tracking(prompt, engine, policy) for name, prompt in PROMPTS.items()},
    }
    scores: Scores = {name: {} for name in methods}
    seconds, frames = 0.0, 0
    for sequence in tqdm(sequences(), unit="sequence"):
        for name, method in methods.items():
            started = time.perf_counter()
            mattes = list(method(sequence))
            if name in PROMPTS:
                seconds += time.perf_counter() - started
                frames += len(sequence)
            scores[name][sequence.name] = score_sequence(iter(mattes), sequence)
    return scores, seconds / max(frames, 1)


def table(scores: Scores) -> str:
    """Markdown: J / F / J&F in percent by sequence and method, and the means over sequences."""
    lines = ["| sequence | " + " | ".join(scores) + " |", "|---" * (len(scores) + 1) + "|"]
    for name in next(iter(scores.values())):
        lines.append(f"| {name} | " + " | ".join(_cell([by[name]]) for by in scores.values()) + " |")
    means = " | ".join(f"**{_cell(list(by.values()))}**" for by in scores.values())
    return "\n".join([*lines, f"| **mean** | {means} |"])


def _cell(scores: list[FolderScore]) -> str:
    return " / ".join(
        f"{100 * np.mean([getattr(score, part) for score in scores]):.1f}" for part in ("j", "f", "j_and_f")
    )


def first_frames(scores: Scores) -> FirstFrames:
    """IoU on frame 1, of tracks of all frames."""
    return {name: {s: score.frames[0].j for s, score in scores[name].items()} for name in ANSWERED}


def first_table(given: FirstFrames) -> str:
    """Markdown: IoU in percent on frame 1, by sequence and by what was given there, and the means."""
    lines = ["| sequence | " + " | ".join(given) + " |", "|---" * (len(given) + 1) + "|"]
    for sequence in next(iter(given.values())):
        lines.append(
            f"| {sequence} | " + " | ".join(f"{100 * by[sequence]:.1f}" for by in given.values()) + " |"
        )
    means = " | ".join(f"**{100 * np.mean(list(by.values())):.1f}**" for by in given.values())
    return "\n".join([*lines, f"| **mean** | {means} |"])


def report(scores: Scores, checkpoint: str, policy: str, seconds: float) -> str:
    """The page that is written."""
    inner = {
        method: {name: score.without_ends() for name, score in by.items()} for method, by in scores.items()
    }
    return "\n\n".join(
        [
            f"# J&F on DAVIS: checkpoint {checkpoint}, policy {policy}",
            "J / F / J&F in percent. One point: farthest from the true mask's edge on frame 1; a box:\n"
            "the one around that mask.\n"
            f"Tracking took {seconds:.3f} s a frame, JPEG in to matte in memory.\n"
            "Written by `python -m benchmarks.quality`.",
            "## Without the first and the last frame, as DAVIS evaluates",
            table(inner),
            "## Over all frames",
            table(scores),
            "## IoU on frame 1, where the prompt is",
            first_table(first_frames(scores)),
        ]
    )


def publish(page: str, name: str) -> None:
    """Print a page, and keep it among the results."""
    sys.stdout.write(page + "\n")
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / name).write_text(page + "\n", encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description="J&F on DAVIS")
    parser.add_argument("--checkpoint", default="draft")
    parser.add_argument("--policy", default="default")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--first-frame", action="store_true", help="only what the prompts give on frame 1")
    arguments = parser.parse_args()
    if not sequences():
        sys.stderr.write("no DAVIS footage beside the repository\n")
        return 2
    share_cores()
    engine = load_engine(resolve(arguments.checkpoint), arguments.device, arguments.threads)
    if arguments.first_frame:
        sys.stdout.write(first_table(measure_first_frames(engine, arguments.policy)) + "\n")
        return 0
    scores, seconds = measure(engine, arguments.policy)
    page = report(scores, arguments.checkpoint, arguments.policy, seconds)
    publish(page, f"quality_{engine.checkpoint.name}_{arguments.policy}.md")
    return 0


if __name__ == "__main__":
    sys.exit(main())
