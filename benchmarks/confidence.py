# SPDX-License-Identifier: GPL-3.0-or-later
"""Fits confidence and shows how well it finds bad frames of DAVIS, on sequences that it was not fitted on.

Run as: python -m benchmarks.confidence [--checkpoint NAME] [--stills HELD.zip]

With stills that no weights have learned from (`python -m benchmarks.held_out`), weights are fitted on clips
made of them too, and judged on such clips that were left out, beside the weights in use.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping
from collections.abc import Sequence as ListOf
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from benchmarks.davis import Sequence, sequences
from benchmarks.made import WITH_TWINS, made_sequences
from benchmarks.quality import mask_prompt, point_prompt, publish
from rotopoint.checkpoints import resolve
from rotopoint.cli.score import region_similarity
from rotopoint.cores import share_cores
from rotopoint.report.contents import WEAK
from rotopoint.session import ShotSession
from rotopoint.shot import ClipReference, Mask, Prompt, Settings, Shot, Subject
from rotopoint.shot.frames import ClipFrame
from rotopoint.store import TrackStore
from rotopoint.tracking.confidence import BIAS, NAMES, WEIGHTS
from rotopoint.tracking.engine import Engine, load_engine

BAD = 0.5
"""Frames with a lower IoU should have been found."""

RIDGE = 100.0
"""Pulls weights towards 0; each sequence counts as SEQUENCE_WEIGHT frames beside it."""

SEQUENCE_WEIGHT = 100.0

PARTS = 5
"""Of made clips, each judged by a fit on the others. As many as there are kinds, each would be a kind."""


@dataclass(frozen=True)
class Frames:
    """`evidence` (n, numbers), `iou` (n,) with the truth, of one sequence under one choice of prompts."""

    sequence: str
    evidence: NDArray[np.float64]
    iou: NDArray[np.float64]

    @property
    def good(self) -> NDArray[np.bool_]:
        return self.iou >= BAD


@dataclass(frozen=True)
class Fit:
    weights: NDArray[np.float64]
    bias: float

    def __call__(self, evidence: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(evidence @ self.weights + self.bias)


@dataclass(frozen=True)
class Ranked:
    """A fit's scores as the share of the frames it was fitted on that score lower: scores of different fits
    have no scale in common, shares have."""

    fit: Fit
    known: NDArray[np.float64]

    @classmethod
    def of(cls, observed: ListOf[Frames]) -> Ranked:
        found = fit(observed)
        return cls(found, np.sort(np.concatenate([found(f.evidence) for f in observed])))

    def __call__(self, evidence: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.searchsorted(self.known, self.fit(evidence)) / len(self.known)


LEARNED_FROM = ("true mask", "true mask on both ends")
"""From one point the draft model often takes another part of the picture from the first frame on, which is
for the eye to see and not for confidence."""


def choices(sequence: Sequence) -> dict[str, tuple[Prompt, ...]]:
    """What is prompted, by name."""
    last = Mask(ClipFrame(len(sequence)), str(sequence.truth_files[-1]))
    return {
        "true mask": (mask_prompt(sequence),),
        "one point": (point_prompt(sequence),),
        "true mask on both ends": (mask_prompt(sequence), last),
    }


def observe(sequence: Sequence, prompts: tuple[Prompt, ...], engine: Engine) -> Frames:
    """All frames but the prompted ones, tracked afresh."""
    shot = Shot(
        ClipReference(str(sequence.frames)),
        (Subject("1", sequence.name, prompts),),
        Settings(checkpoint=engine.checkpoint.name),
    )
    prompted = {p.frame for p in prompts}
    truth = list(sequence.masks())
    evidence, iou = [], []
    with (
        tempfile.TemporaryDirectory() as folder,
        ShotSession(shot, engine.checkpoint, TrackStore(Path(folder))) as session,
    ):
        mattes = {
            t.frame: session.matte(session.plans[0], t.frame, t.record) for t in session.track(engine.runtime)
        }
        for frame, found in session.tracks.evidence(session.plans[0]):
            if frame not in prompted:
                evidence.append(found.numbers)
                iou.append(region_similarity(mattes[frame], truth[frame - 1]))
    return Frames(sequence.name, np.array(evidence), np.array(iou))


def observe_made(stills: Path, count: int, engine: Engine) -> dict[str, list[Frames]]:
    """The frames of clips made of stills, by choice; twins are among them, where the model often goes over to
    another subject."""
    with tempfile.TemporaryDirectory() as folder:
        return observe_all(made_sequences(stills, Path(folder), count, kinds=WITH_TWINS), engine)


def observe_all(found: ListOf[Sequence], engine: Engine) -> dict[str, list[Frames]]:
    """The frames of sequences, by choice."""
    by_choice: dict[str, list[Frames]] = {}
    for sequence in tqdm(found, unit="sequence"):
        for name, prompts in choices(sequence).items():
            by_choice.setdefault(name, []).append(observe(sequence, prompts, engine))
    return by_choice


def learned(by_choice: Mapping[str, ListOf[Frames]]) -> list[Frames]:
    """What weights are fitted on, of all that was observed."""
    return [frames for name in LEARNED_FROM for frames in by_choice[name]]


def left_out(observed: ListOf[Frames]) -> dict[str, Ranked]:
    """For each of the sequences, which come in PARTS parts, a fit on the frames of the other parts."""
    names = sorted({f.sequence for f in observed})
    fits: dict[str, Ranked] = {}
    for n in range(PARTS):
        part = names[n::PARTS]
        fits |= dict.fromkeys(part, Ranked.of([f for f in observed if f.sequence not in part]))
    return fits


def fit(observed: ListOf[Frames]) -> Fit:
    """Logistic regression with weights of 0 or more, each sequence counting the same.

    Evidence is made so that more of it never speaks against a frame; a weight below 0 would be a peculiarity
    of the sequences. Projected gradient descent on scaled numbers.
    """
    numbers = np.concatenate([f.evidence for f in observed])
    good = np.concatenate([f.good for f in observed]).astype(np.float64)
    counts = {
        name: sum(len(f.iou) for f in observed if f.sequence == name)
        for name in {f.sequence for f in observed}
    }
    weight = np.concatenate([np.full(len(f.iou), SEQUENCE_WEIGHT / counts[f.sequence]) for f in observed])
    scale = np.maximum(numbers.std(axis=0), 1e-6)
    center = numbers.mean(axis=0)
    scaled = (numbers - center) / scale
    weights, bias = np.zeros(scaled.shape[1]), 0.0
    rate = 4.0 / (np.square(np.linalg.norm(scaled * np.sqrt(weight)[:, None], 2)) + weight.sum() + 4 * RIDGE)
    for _ in range(5000):
        error = weight * (good - 1 / (1 + np.exp(-(scaled @ weights + bias))))
        weights = np.maximum(weights + rate * (scaled.T @ error - RIDGE * weights), 0.0)
        bias += rate * error.sum()
    return Fit(weights / scale, bias - float(center @ (weights / scale)))


def area_under_curve(scores: NDArray[np.float64], good: NDArray[np.bool_]) -> float:
    """The chance that a good frame scores higher than a bad one, ties counting half; NaN without both."""
    if good.all() or not good.any():
        return float("nan")
    above = scores[good][:, None] > scores[~good][None, :]
    equal = scores[good][:, None] == scores[~good][None, :]
    return float(np.mean(above + 0.5 * equal))


def report(
    by_choice: Mapping[str, ListOf[Frames]],
    checkpoint: str,
    made: Mapping[str, ListOf[Frames]] | None = None,
) -> str:
    """The page that is written; `made` are frames of clips that are not of DAVIS, by choice too."""
    everything = learned(by_choice)
    names = [f.sequence for f in next(iter(by_choice.values()))]
    ranked = {name: Ranked.of([f for f in everything if f.sequence != name]) for name in names}
    fits = {name: found.fit for name, found in ranked.items()}
    in_use = dict.fromkeys(names, Fit(np.array(WEIGHTS), BIAS))
    lines = ["| sequence | frames | under 0.5 | " + " | ".join(by_choice) + " |"]
    lines.append("|---|---:|---:|" + "---:|" * len(by_choice))
    for name, *observed in zip(names, *by_choice.values(), strict=True):
        cells = " | ".join(_shown(area_under_curve(fits[name](f.evidence), f.good)) for f in observed)
        bad = np.count_nonzero(~observed[0].good)
        lines.append(f"| {name} | {len(observed[0].iou)} | {bad} | {cells} |")
    rows: list[tuple[str, Mapping[str, Fit | Ranked]]] = [
        ("**pooled**, by rank", ranked),
        ("pooled, by score", fits),
        ("pooled, the weights in use", in_use),
    ]
    if made:
        rows.append(("pooled, fitted on made clips alone", dict.fromkeys(names, fit(learned(made)))))
    for title, judges in rows:
        pooled = " | ".join(_pooled(judges, observed) for observed in by_choice.values())
        lines.append(f"| {title} | | | {pooled} |")
    return "\n\n".join(
        [
            f"# Confidence on DAVIS: checkpoint {checkpoint}",
            "Area under the ROC curve for frames with IoU under 0.5 against the rest, by what was prompted.\n"
            "Each sequence is judged by a fit on the others, made from the true mask on one and on both\n"
            'ends; from one point nothing was fitted. "none": no frame is bad, or none is good. The counts\n'
            "are those from the true mask. By rank: a frame counts by the share of the frames that its fit\n"
            "was made from which score lower, so that seven fits have one scale; by score: as they come.\n"
            "The weights in use are those of `tracking/confidence.py`: the fit on made clips of held-out\n"
            "stills as the draft model before tracked them, rounded, with 0.5 for the jump of place, which\n"
            "that fit has no use for. That there are six numbers was decided on these sequences.\n"
            "Written by `python -m benchmarks.confidence`.",
            "\n".join(lines),
            "## What counts as weak",
            f"Shares of the frames with an IoU under {BAD:g}, and of the others, whose confidence is under\n"
            f"{WEAK:g}: those are shown to a person first.",
            _on_weak(by_choice, made),
            "## What it is made of",
            "Weights of the fit on all sequences, and what each number does alone, pooled.",
            _made_of(by_choice, fit(everything)),
            *([_on_made(made)] if made else []),
        ]
    )


def _on_weak(by_choice: Mapping[str, ListOf[Frames]], made: Mapping[str, ListOf[Frames]] | None) -> str:
    """What the weights in use find; on made clips also what fits on the other parts do."""
    lines = ["| | " + " | ".join(by_choice) + " |", "|---|" + "---:|" * len(by_choice)]

    def add(title: str, judges: Mapping[str, Fit], observed: Mapping[str, ListOf[Frames]]) -> None:
        lines.append(f"| {title} | " + " | ".join(_weak(judges, f) for f in observed.values()) + " |")

    for title, observed in (("DAVIS", by_choice), ("made clips", made or {})):
        if observed:
            names = {f.sequence for f in learned(observed)}
            add(f"{title}, the weights in use", dict.fromkeys(names, Fit(np.array(WEIGHTS), BIAS)), observed)
    if made:
        judged = left_out(learned(made))
        add("made clips, fitted on the others", {name: found.fit for name, found in judged.items()}, made)
    return "\n".join(lines)


def _on_made(made: Mapping[str, ListOf[Frames]]) -> str:
    """The section about clips that are not of DAVIS."""
    names = sorted({f.sequence for f in learned(made)})
    judges: dict[str, Mapping[str, Fit | Ranked]] = {
        "fitted on the others, by rank": left_out(learned(made)),
        "the weights in use": dict.fromkeys(names, Fit(np.array(WEIGHTS), BIAS)),
    }
    lines = ["| | " + " | ".join(made) + " |", "|---|" + "---:|" * len(made)]
    for title, by_name in judges.items():
        lines.append(f"| {title} | " + " | ".join(_pooled(by_name, f) for f in made.values()) + " |")
    counts = (
        f"{sum(len(f.iou) for f in observed)}, {sum(int((~f.good).sum()) for f in observed)}"
        for observed in made.values()
    )
    lines.append("| frames, under 0.5 | " + " | ".join(counts) + " |")
    found = fit(learned(made))
    weights = ", ".join(f"{weight:.2f}" for weight in found.weights)
    return "\n\n".join(
        [
            f"## On {len(names)} clips made of stills that no weights have learned from",
            f"In {PARTS} parts, each judged by a fit on the others, and by the weights in use, which were\n"
            "fitted on all of them as the draft model before tracked them.",
            "\n".join(lines),
            f"Fitted on all of them, from the true mask on one and on both ends: weights\n"
            f"{weights}; bias {found.bias:.2f}.",
        ]
    )


def found_weak(judges: Mapping[str, Fit], observed: ListOf[Frames]) -> tuple[float, float]:
    """The shares of bad frames and of good ones whose confidence is under WEAK; NaN where there are none."""
    weak = np.concatenate([judges[f.sequence](f.evidence) < np.log(WEAK / (1 - WEAK)) for f in observed])
    good = np.concatenate([f.good for f in observed])
    bad_found, good_doubted = (
        float(weak[which].mean()) if which.any() else float("nan") for which in (~good, good)
    )
    return bad_found, good_doubted


def _weak(judges: Mapping[str, Fit], observed: ListOf[Frames]) -> str:
    return ", ".join(
        "none" if np.isnan(share) else f"{100 * share:.0f}%" for share in found_weak(judges, observed)
    )


def _pooled(judges: Mapping[str, Fit | Ranked], observed: ListOf[Frames]) -> str:
    scores = np.concatenate([judges[f.sequence](f.evidence) for f in observed])
    return _shown(area_under_curve(scores, np.concatenate([f.good for f in observed])))


def _made_of(by_choice: Mapping[str, ListOf[Frames]], whole: Fit) -> str:
    lines = [
        "| | weight | alone, " + " | alone, ".join(by_choice) + " |",
        "|---|---:|" + "---:|" * len(by_choice),
    ]
    for n, (name, weight) in enumerate(zip(NAMES, whole.weights, strict=True)):
        cells = [
            _shown(
                area_under_curve(
                    np.concatenate([f.evidence[:, n] for f in observed]),
                    np.concatenate([f.good for f in observed]),
                )
            )
            for observed in by_choice.values()
        ]
        lines.append(f"| {name} | {weight:.4f} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, f"| bias | {whole.bias:.4f} |" + " |" * len(by_choice)])


def _shown(value: float) -> str:
    return "none" if np.isnan(value) else f"{value:.3f}"


def main() -> int:
    parser = argparse.ArgumentParser(description="Fit and judge confidence on DAVIS")
    parser.add_argument("--checkpoint", default="draft")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--stills", type=Path, help="a zip of stills, as the training reads it")
    parser.add_argument("--clips", type=int, default=20, help="made of the stills")
    arguments = parser.parse_args()
    found = sequences()
    if not found:
        sys.stderr.write("no DAVIS footage beside the repository\n")
        return 2
    share_cores()
    engine = load_engine(resolve(arguments.checkpoint), arguments.device, arguments.threads)
    by_choice = observe_all(found, engine)
    made = None if arguments.stills is None else observe_made(arguments.stills, arguments.clips, engine)
    page = report(by_choice, engine.checkpoint.name, made)
    publish(page, f"confidence_{engine.checkpoint.name}.md")
    return 0


if __name__ == "__main__":
    sys.exit(main())
