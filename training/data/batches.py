# SPDX-License-Identifier: GPL-3.0-or-later
"""What each step learns from: a pure function of recipe, stills and the step's number."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset

from training.data.clip_library import ClipLibrary
from training.data.clips import ClipMaker, deformed_still, layered, make_clip, moved_in_place
from training.data.meanings import group_of, part_at
from training.data.passed_by import passed_by
from training.data.scene import Clip
from training.data.stills import StillLibrary
from training.data.twins import side_by_side
from training.prompts import Points, PromptKind, prompt
from training.recipe import ClipShares, PromptShares, Recipe, Sources

MAKERS: Mapping[str, ClipMaker] = {
    "layered": layered,
    "moved_in_place": moved_in_place,
    "deformed_still": deformed_still,
    "passed_by": passed_by,
    "side_by_side": side_by_side,
}

LONGEST_STEP, CLOSER = 6, 0.6
"""Of followed clips: every frame was looked at when they were followed, so to learn from them every sixth at
most is shown, and often a part of it alone."""


@dataclass(frozen=True)
class Batch:
    """Clips of one length whose first frames are prompted in one way, K times each: B * K subjects, those of
    one clip side by side.

    `pictures`: (B, T, S, S, 3) uint8. `coverage`: (B * K, T, S, S) uint8. `points`: (B * K, n, 2) float32 in
    pixels, centers at .5, with `labels` (B * K, n) int32. `parts` and `groups` (B * K, S, S) uint8 are what
    else a click on the first frame may mean, where that is asked for; a part is empty where none is known.
    """

    pictures: torch.Tensor
    coverage: torch.Tensor
    kind: PromptKind
    points: torch.Tensor
    labels: torch.Tensor
    parts: torch.Tensor | None = None
    groups: torch.Tensor | None = None


@dataclass(frozen=True)
class StepData:
    """`clips` and `stills` of a step; `seed` is for what chance decides later in it."""

    step: int
    seed: int
    clips: Batch | None
    stills: Batch | None


class _Part(Enum):
    CLIPS = 1
    STILLS = 2
    LATER = 3


class StepDataset(Dataset[StepData]):
    """The data of each step by its number. The zips of stills and, where there are such, of rendered and of
    followed clips are read when the first is made, in whichever process that is."""

    def __init__(
        self, recipe: Recipe, stills: Path, rendered: Path | None = None, followed: Path | None = None
    ) -> None:
        self._recipe = recipe
        self._stills = stills
        self._rendered = rendered
        self._followed = followed
        self._library: StillLibrary | None = None
        self._sources: Sources | None = None
        self._makers = dict(MAKERS)

    def __len__(self) -> int:
        return self._recipe.steps

    def __getitem__(self, step: int) -> StepData:
        stage, _ = self._recipe.place(step)
        self._open(stage.sources)
        clips = stills = None
        if stage.clips:
            rng = self._rng(step, _Part.CLIPS)
            kind = _chosen_prompt(rng, stage.clip_prompts)
            made = self._made(rng, stage.clip_kinds, stage.clips, stage.input_size, stage.frames)
            clips = _batch(rng, kind, made, 1)
        if stage.stills:
            rng = self._rng(step, _Part.STILLS)
            kind = _chosen_prompt(rng, stage.still_prompts)
            made = self._made(rng, stage.still_kinds, stage.stills, stage.input_size, 1)
            stills = _batch(rng, kind, made, stage.subjects)
            if kind is PromptKind.POINT and stage.role_weight > 0:
                stills = _with_meanings(stills, made, stage.subjects)
        later = int(self._rng(step, _Part.LATER).integers(2**31))
        return StepData(step, later, clips, stills)

    def _open(self, sources: Sources) -> None:
        """Get the zips ready for a stage that takes its objects from `sources`."""
        if self._library is None:
            cv2.setNumThreads(1)
            if self._rendered is not None:
                self._makers["rendered"] = ClipLibrary(self._rendered).clip
            if self._followed is not None:
                self._makers["followed"] = ClipLibrary(self._followed, LONGEST_STEP, CLOSER).clip
        if self._library is None or sources != self._sources:
            self._library = StillLibrary(self._stills, dataclasses.asdict(sources))
            self._sources = sources

    def _rng(self, step: int, part: _Part) -> np.random.Generator:
        return np.random.default_rng((self._recipe.seed, step, part.value))

    def _made(
        self, rng: np.random.Generator, kinds: ClipShares, count: int, size: int, frames: int
    ) -> list[Clip]:
        assert self._library is not None
        if self._rendered is None:
            kinds = dataclasses.replace(kinds, rendered=0.0)
        if self._followed is None:
            kinds = dataclasses.replace(kinds, followed=0.0)
        names, shares = _shares(kinds)
        chosen = rng.choice(names, size=count, p=shares)
        return [make_clip(rng, self._makers[name], self._library, size, frames) for name in chosen]


def steps(dataset: StepDataset, first: int, last: int, workers: int) -> Iterator[StepData]:
    """The data of the steps `first` to `last`, the end excluded, made ahead by `workers` processes (0: as it
    is asked for)."""
    loader: DataLoader[StepData] = DataLoader(
        dataset,
        batch_size=None,
        sampler=range(first, last),
        num_workers=workers,
        # A fork of a process whose libraries have threads can wait for ever for one that it does not have.
        multiprocessing_context="spawn" if workers else None,
        prefetch_factor=4 if workers else None,
    )
    return iter(loader)


def first_prompt(rng: np.random.Generator, kind: PromptKind, clip: Clip) -> Batch:
    """One clip, prompted on its first frame."""
    return _batch(rng, kind, [clip], 1)


def _batch(rng: np.random.Generator, kind: PromptKind, clips: list[Clip], subjects: int) -> Batch:
    shown = [(clip, coverage) for clip in clips for coverage in _subjects(clip, subjects)]
    coverage = [part for _, part in shown]
    points = [prompt(rng, kind, _mask(part[0]), _others(clip, part[0])) for clip, part in shown]
    xy, labels = _stacked(points)
    return Batch(
        torch.from_numpy(np.stack([clip.pictures for clip in clips])),
        torch.from_numpy(np.stack(coverage)),
        kind,
        torch.from_numpy(xy),
        torch.from_numpy(labels),
    )


def _with_meanings(batch: Batch, clips: list[Clip], subjects: int) -> Batch:
    """The same stills with the parts and groups that their clicks may mean."""
    shown = [(clip, coverage[0]) for clip in clips for coverage in _subjects(clip, subjects)]
    parts = [
        part_at(clip.pictures[0], coverage, (float(x), float(y)))
        for (clip, coverage), ((x, y),) in zip(shown, batch.points.tolist(), strict=True)
    ]
    groups = [group_of(coverage, [clip.coverage[0], *clip.others]) for clip, coverage in shown]
    return dataclasses.replace(
        batch, parts=torch.from_numpy(np.stack(parts)), groups=torch.from_numpy(np.stack(groups))
    )


def _subjects(clip: Clip, count: int) -> list[NDArray[np.uint8]]:
    """The coverage (T, S, S) of `count` subjects of a clip: its own, then the others of a still, again from
    the first where there are no more."""
    known = [clip.coverage, *(other[None] for other in clip.others)] if count > 1 else [clip.coverage]
    return [known[number % len(known)] for number in range(count)]


def _mask(coverage: NDArray[np.uint8]) -> NDArray[np.bool_]:
    mask = coverage > 127
    # A subject that no attempt made large enough still needs a point.
    return mask if mask.any() else coverage == coverage.max()


def _others(clip: Clip, coverage: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """What else is known in the first frame beside the subject whose `coverage` (S, S) this is."""
    return np.asarray((np.concatenate([clip.coverage[:1], clip.others]) > 127).any(0) & (coverage <= 127))


def _stacked(points: list[Points]) -> Points:
    return np.stack([xy for xy, _ in points]), np.stack([labels for _, labels in points])


def _chosen_prompt(rng: np.random.Generator, shares: PromptShares) -> PromptKind:
    names, weights = _shares(shares)
    return PromptKind(str(rng.choice(names, p=weights)))


def _shares(table: PromptShares | ClipShares) -> tuple[list[str], NDArray[np.float64]]:
    named = {name: share for name, share in dataclasses.asdict(table).items() if share > 0}
    weights = np.array(list(named.values()), np.float64)
    return list(named), weights / weights.sum()
