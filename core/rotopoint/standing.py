# SPDX-License-Identifier: GPL-3.0-or-later
"""How tracks stand, without opening them: which clip frames are tracked as a shot asks now, and how surely.

A note beside the mattes has the confidence of each frame under a digest of all that has influence on it. So a
correction leaves what it does not touch standing, and undo finds what stood before. Standard library and
NumPy alone, so that it runs inside of Blender.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from base64 import b64decode, b64encode
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rotopoint.deliver.naming import standing_path
from rotopoint.deliver.origins import content_of_prompt, ends_of
from rotopoint.errors import OutputUnwritable
from rotopoint.shot import Mask, Settings, Shot, Subject
from rotopoint.tracking.policy import Address, Asked, Policy, policy_named
from rotopoint.whole_files import write_whole

VERSION = 1

STEPS = 1000
"""Confidences are kept in steps of a thousandth, so that what was read again equals what was not."""

UNKNOWN = -1

MOST_NOTES = 500_000
"""Frames noted of a subject: some ten states of a clip of 20,000. The longest untouched go first."""

LEAST_ROOM = 64

MOST_FRAMES = 10_000_000
"""No clip is as long."""

WRITE_SECONDS = 5.0
"""Between two writings while work goes on: a process that is killed loses no more."""


class Stretch(NamedTuple):
    """Clip frames `first` to `last` whose tracks depend on the same, which the digest tells from all else."""

    first: int
    last: int
    digest: str


def stretches_of(subject: Subject, settings: Settings, clip: Path, count: int) -> tuple[Stretch, ...]:
    """What each of a clip's `count` frames depends on, ascending; absent frames belong to none.

    `clip` is its video or first image. Empty where the subject has no prompts. Two shots give a frame the
    same digest where its records have the same keys (see `plan.track_keys`) in a clip whose frames show a
    picture each; of the clip and the checkpoint not all is read.
    Raises PolicyUnknown.
    """
    if not subject.prompts:
        return ()
    policy = policy_named(settings.policy)
    basis = {
        "clip": ends_of(clip),
        "follow": subject.follow,
        "checkpoint": ends_of(Path(settings.checkpoint)),
        "policy": settings.policy,
        "input_transform": ends_of(Path(settings.input_transform)),
    }
    dependence = _Dependence(subject, policy, count)
    found = []
    for first, last in dependence.runs():
        text = json.dumps([basis, dependence.on(first)], sort_keys=True)
        digest = hashlib.sha256(text.encode("ascii")).hexdigest()[:32]
        found.append(Stretch(first + 1, last + 1, digest))
    return tuple(found)


def digest_on(stretches: Sequence[Stretch], frame: int) -> str | None:
    """What a clip frame depends on; None where it belongs to no stretch."""
    at = bisect_right(stretches, frame, key=lambda stretch: stretch.first) - 1
    return stretches[at].digest if at >= 0 and frame <= stretches[at].last else None


class _Dependence:
    """What the records of a subject depend on, by position: clip frames counted from 0."""

    def __init__(self, subject: Subject, policy: Policy, count: int) -> None:
        self._policy = policy
        self._count = count
        self._runs = [(frames.first - 1, frames.last - 1) for frames in subject.absent]
        self._starts, self._ends = [a for a, _ in self._runs], [b for _, b in self._runs]
        prompted = [frame - 1 for frame in subject.prompted_frames]
        self._prompts = {
            p: [content_of_prompt(prompt) for prompt in subject.prompts_on(frame)]
            for p, frame in zip(prompted, subject.prompted_frames, strict=True)
        }
        masked = frozenset(prompt.frame - 1 for prompt in subject.prompts if isinstance(prompt, Mask))
        absent = frozenset(p for a, b in self._runs for p in range(a, b + 1))
        self._asked = Asked(tuple(prompted), masked, absent)

    def runs(self) -> Iterator[tuple[int, int]]:
        """First and last position of those that depend on the same."""
        prompted = self._asked.prompted
        cuts = {0, self._count, *prompted, *(p + 1 for p in prompted)}
        cuts.update(self._starts, (b + 1 for b in self._ends))
        for first, after in pairwise(sorted(cut for cut in cuts if cut <= self._count)):
            if first not in self._asked.absent:
                yield first, after - 1

    def on(self, position: int) -> list[object]:
        """Of each pass that has a say in a picture: its start, its prompts, and what is absent on its way."""
        passes = self._policy.passes(self._asked, position)
        return [self._of_record(Address(start, position)) for start in passes]

    def _of_record(self, address: Address) -> list[object]:
        influence = self._policy.influence(self._asked, address)
        first, last = min(*influence, *address), max(*influence, *address)
        absent = self._runs[bisect_left(self._ends, first) : bisect_right(self._starts, last)]
        heeded = self._policy.clicks_heeded(self._asked, influence)
        return [
            address.start,
            [(p, self._prompts[p]) for p in influence],
            absent,
            *([heeded] if heeded else []),
        ]


@dataclass
class Noted:
    """Confidences of frames from `first` on, in STEPS; UNKNOWN where there is none. (length,) int16."""

    first: int
    steps: npt.NDArray[np.int16]

    @property
    def after(self) -> int:
        """The first frame beyond."""
        return self.first + len(self.steps)

    def put(self, first: int, steps: npt.NDArray[np.int16]) -> None:
        """Take in other frames, where they are known."""
        after = first + len(steps)
        if first < self.first or after > self.after:
            # Frames come one by one: room for as many again.
            room = max(after - first, len(self.steps), LEAST_ROOM)
            start = min(self.first, max(first - room, 1) if first < self.first else first)
            end = max(self.after, after + room if after > self.after else after)
            grown = np.full(end - start, UNKNOWN, np.int16)
            grown[self.first - start : self.after - start] = self.steps
            self.first, self.steps = start, grown
        part = self.steps[first - self.first : after - self.first]
        np.copyto(part, steps, where=steps != UNKNOWN)

    def within(self, first: int, last: int) -> npt.NDArray[np.int16]:
        """(last - first + 1,) of the frames `first` to `last`."""
        found = np.full(last - first + 1, UNKNOWN, np.int16)
        start, end = max(first, self.first), min(last + 1, self.after)
        if start < end:
            found[start - first : end - first] = self.steps[start - self.first : end - self.first]
        return found


@dataclass
class Standing:
    """What is noted of tracks, by subject id and by digest; the longest untouched digest is the first."""

    notes: dict[str, dict[str, Noted]] = field(default_factory=dict)

    def note(self, subject: str, digest: str, frame: int, confidence: float) -> None:
        """Confidence is 0..1."""
        step = round(STEPS * min(max(confidence, 0.0), 1.0))
        self.put(subject, digest, frame, np.array([step], np.int16))

    def put(self, subject: str, digest: str, first: int, steps: npt.NDArray[np.int16]) -> None:
        """Note frames from `first` on, in STEPS; those UNKNOWN stay as they are."""
        ours = self.notes.setdefault(subject, {})
        noted = ours.pop(digest, None)
        if noted is None:
            noted = Noted(first, steps.copy())
        else:
            noted.put(first, steps)
        ours[digest] = noted
        while len(ours) > 1 and sum(len(noted.steps) for noted in ours.values()) > MOST_NOTES:
            del ours[next(iter(ours))]

    def take(self, other: Standing) -> None:
        """Add what another one knows, which is newer."""
        for subject, of_digests in other.notes.items():
            for digest, noted in of_digests.items():
                self.put(subject, digest, noted.first, noted.steps)

    def confidences(self, subject: str, stretches: Iterable[Stretch], count: int) -> npt.NDArray[np.float32]:
        """(count,) 0..1 of a clip's frames, the first at index 0; NaN where none is tracked as is asked."""
        found = np.full(count, np.nan, np.float32)
        of_digests = self.notes.get(subject, {})
        for first, last, digest in stretches:
            if digest in of_digests:
                steps = of_digests[digest].within(first, last)
                known = steps != UNKNOWN
                found[first - 1 : last][known] = steps[known] / np.float32(STEPS)
        return found

    def ever_tracked(self, subject: str, count: int) -> npt.NDArray[np.bool_]:
        """(count,) of a clip's frames, whether any state of the subject was tracked there."""
        found = np.zeros(count, np.bool_)
        for noted in self.notes.get(subject, {}).values():
            last = min(noted.after - 1, count)
            found[noted.first - 1 : last] |= noted.within(noted.first, last) != UNKNOWN
        return found


def read_standing(folder: Path, clip: str) -> Standing | None:
    """What is noted in a folder of mattes of a clip; None where there is no note that can be read.

    Read once for each state of the file: whoever gets it changes nothing in it.
    """
    path = standing_path(folder, clip)
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return _read_once(path, (status.st_mtime_ns, status.st_size, status.st_ino))


@contextmanager
def noting_standing(
    folder: Path, clip_name: str, shot: Shot, clip: Path, count: int
) -> Iterator[Callable[[str, int, float | None], None]]:
    """Keep the note of a shot's tracks while they are made: what is given takes a subject's id, a clip frame
    and its confidence. What others have noted meanwhile stays.

    `clip` is the video or first image, with `count` clip frames. That a note cannot be written is no reason
    to stop.
    """
    stretches = {s.id: stretches_of(s, shot.settings, clip, count) for s in shot.subjects}
    approved = {(s.id, a.frame) for s in shot.subjects for a in s.approved}
    path = standing_path(folder, clip_name)
    new = Standing()
    written = -math.inf

    def note(subject: str, frame: int, confidence: float | None) -> None:
        nonlocal written
        digest = digest_on(stretches.get(subject, ()), frame)
        if digest is None or confidence is None or (subject, frame) in approved:
            return
        new.note(subject, digest, frame, confidence)
        if time.monotonic() - written > WRITE_SECONDS:
            _add(path, new)
            written = time.monotonic()

    try:
        yield note
    finally:
        if new.notes:
            _add(path, new)


def _add(path: Path, new: Standing) -> None:
    both = _read(path) or Standing()
    both.take(new)
    subjects = {
        subject: {digest: list(_runs(noted)) for digest, noted in of_digests.items()}
        for subject, of_digests in both.notes.items()
    }
    with suppress(OutputUnwritable):
        write_whole(path, (json.dumps({"version": VERSION, "subjects": subjects}) + "\n").encode("ascii"))


@lru_cache(maxsize=16)
def _read_once(path: Path, _state: tuple[int, int, int]) -> Standing | None:
    return _read(path)


def _read(path: Path) -> Standing | None:
    try:
        data = json.loads(path.read_bytes())
        if data["version"] != VERSION:
            return None
        found = Standing()
        for subject, of_digests in data["subjects"].items():
            for digest, runs in of_digests.items():
                for first, steps in runs:
                    known = np.frombuffer(b64decode(steps, validate=True), "<i2")
                    if not known.size or not 1 <= int(first) <= MOST_FRAMES:
                        return None
                    if known.min() < 0 or known.max() > STEPS:
                        return None
                    found.put(str(subject), str(digest), int(first), known.astype(np.int16))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        return None
    return found


def _runs(noted: Noted) -> Iterator[tuple[int, str]]:
    """Frames without a gap: the first, and what is noted of each, 2 bytes in base 64, which is read faster
    than a list of numbers.
    """
    known = np.flatnonzero(noted.steps != UNKNOWN)
    for run in np.split(known, np.flatnonzero(np.diff(known) > 1) + 1):
        if run.size:
            yield (
                noted.first + int(run[0]),
                b64encode(noted.steps[run].astype("<i2").tobytes()).decode("ascii"),
            )
