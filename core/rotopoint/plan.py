# SPDX-License-Identifier: GPL-3.0-or-later
"""What a shot asks of its clip: which pictures of which subject are needed, and which are stale."""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from rotopoint.errors import AbsenceConflict, MaskUnreadable, PromptsConflict
from rotopoint.files import require_regular_file
from rotopoint.shot import Box, Direction, Mask, Point, Settings, Subject
from rotopoint.shot.frames import ClipFrame, FrameMap, FrameRange, SourceFrame
from rotopoint.store import TrackKey
from rotopoint.tracking.following import FOLLOWED
from rotopoint.tracking.joining import is_needless
from rotopoint.tracking.policy import Address, Asked, Policy
from rotopoint.tracking.runtime import ModelShape

READING = "meant"
"""How mask files are read; another word where `clip.mask_file` comes to read the same file in another way."""


@dataclass(frozen=True)
class PicturePrompts:
    """All prompts of a subject that meet on one picture: points with at most one box, or one mask."""

    points: tuple[Point, ...] = ()
    box: Box | None = None
    mask: Mask | None = None

    @property
    def candidate(self) -> int:
        """The mask that a point alone asks for, see `Point`; 0: the model's choice."""
        lone = len(self.points) == 1 and self.box is None and self.points[0].positive
        return self.points[0].candidate if lone else 0

    def digest(self) -> str:
        """A hash of what the prompts ask, whatever clip frame shows the picture; masks count by content.

        Raises MaskUnreadable.
        """
        content: dict[str, object] = {
            "points": sorted((p.x, p.y, p.positive) for p in self.points),
            "box": None if self.box is None else (self.box.x0, self.box.y0, self.box.x1, self.box.y1),
            "mask": None
            if self.mask is None
            else (READING, _file_digest(Path(self.mask.path)), self.mask.label),
        }
        if self.candidate:
            content["candidate"] = self.candidate
        return hashlib.sha256(json.dumps(content).encode("ascii")).hexdigest()[:32]


@dataclass(frozen=True)
class SubjectPlan:
    """One subject's part of a shot.

    `pictures` are all that the clip shows, ascending, and positions count in it. `prompts` are keyed by
    position, ascending, and `absent` are the positions where the subject is said not to be. `delivered`
    are the clip frames that tracking reaches (None: none). `first` to `last` are the positions of those
    that need it: neither absent nor approved.
    """

    subject: Subject
    pictures: tuple[SourceFrame, ...]
    prompts: dict[int, PicturePrompts]
    absent: frozenset[int]
    delivered: FrameRange | None
    first: int
    last: int

    @property
    def asked(self) -> Asked:
        """What a policy gets to know."""
        masked = frozenset(p for p, prompts in self.prompts.items() if prompts.mask is not None)
        return Asked(tuple(self.prompts), masked, self.absent)

    def position_of(self, picture: SourceFrame) -> int:
        """Where a picture lies in `pictures`, which hold it."""
        return bisect_left(self.pictures, picture)


def plan_subject(subject: Subject, settings: Settings, frame_map: FrameMap) -> SubjectPlan:
    """Raises FrameOutsideClip, PromptsConflict, AbsenceConflict; the subject must have a prompt."""
    pictures = frame_map.pictures(frame_map.full_range)
    position = {frame: n for n, frame in enumerate(pictures)}
    prompts: dict[int, PicturePrompts] = {}
    for frame in subject.prompted_frames:
        source = frame_map.source(frame)
        if source is None:
            raise PromptsConflict(subject.name, frame, "the clip has no picture there")
        at = position[source]
        prompts[at] = _merged(subject, frame, prompts.get(at, PicturePrompts()))
    for frames in subject.absent:
        for end in (frames.first, frames.last):
            frame_map.source(end)
    absent = frozenset(position[s] for frames in subject.absent for s in frame_map.pictures(frames))
    for at in sorted(absent & prompts.keys()):
        shown = next(f for f in subject.prompted_frames if frame_map.source(f) == pictures[at])
        raise AbsenceConflict(subject.name, shown, "a prompt")
    delivered = _delivered(subject, settings, frame_map)
    settled = {a.frame for a in subject.approved}
    for frame in settled:
        frame_map.source(frame)
    needed = [
        position[s]
        for f in delivered or ()
        if f not in settled and (s := frame_map.source(f)) is not None and position[s] not in absent
    ]
    return SubjectPlan(
        subject=subject,
        pictures=pictures,
        prompts=dict(sorted(prompts.items())),
        absent=absent,
        delivered=delivered,
        first=min(needed, default=0),
        last=max(needed, default=-1),
    )


def _delivered(subject: Subject, settings: Settings, frame_map: FrameMap) -> FrameRange | None:
    asked = settings.range or frame_map.full_range
    frame_map.source(asked.first)
    frame_map.source(asked.last)
    prompted = subject.prompted_frames
    first, last = asked.first, asked.last
    if settings.direction is Direction.FORWARD:
        first = ClipFrame(max(first, prompted[0]))
    if settings.direction is Direction.BACKWARD:
        last = ClipFrame(min(last, prompted[-1]))
    return FrameRange(first, last) if first <= last else None


def _merged(subject: Subject, frame: ClipFrame, earlier: PicturePrompts) -> PicturePrompts:
    """The prompts of a clip frame joined with those of another one that shows the same picture."""
    points, box, mask = earlier.points, earlier.box, earlier.mask
    for prompt in subject.prompts_on(frame):
        match prompt:
            case Point():
                points = (*points, prompt)
            case Box() if box is None:
                box = prompt
            case Mask() if mask is None:
                mask = prompt
            case _:
                raise PromptsConflict(subject.name, frame, "two clip frames show this picture with one each")
    if mask is not None and (points or box is not None):
        raise PromptsConflict(subject.name, frame, "a mask stands alone on its picture")
    return PicturePrompts(points, box, mask)


def track_keys(
    plan: SubjectPlan, policy: Policy, clip: str, checkpoint: str, input_transform: str
) -> Callable[[Address], TrackKey]:
    """Which stored track a record belongs to: one for each pass and all that has influence on it.

    That is prompts, and the absent pictures between them and the record's own. `clip` and `checkpoint`
    are identities. The answer raises MaskUnreadable.
    """
    asked = plan.asked
    absent = _runs(asked.absent)
    starts, ends = [a for a, _ in absent], [b for _, b in absent]

    @cache
    def digest(position: int) -> str:
        return plan.prompts[position].digest()

    def key(address: Address) -> TrackKey:
        influence = policy.influence(asked, address)
        first, last = min(*influence, *address), max(*influence, *address)
        heeded = policy.clicks_heeded(asked, influence)
        text = json.dumps(
            {
                **({"clicks": heeded} if heeded else {}),
                "follow": plan.subject.follow and FOLLOWED,
                "start": plan.pictures[address.start],
                "prompts": [(plan.pictures[p], digest(p)) for p in influence],
                "absent": [
                    (plan.pictures[a], plan.pictures[min(b, last)])
                    for a, b in absent[bisect_left(ends, first) : bisect_right(starts, last)]
                ],
            }
        )
        return TrackKey(
            clip=clip,
            subject=plan.subject.id,
            prompts=hashlib.sha256(text.encode("ascii")).hexdigest()[:32],
            checkpoint=checkpoint,
            policy=policy.name,
            input_transform=input_transform,
        )

    return key


def count_stale_pictures(
    plan: SubjectPlan, policy: Policy, shape: ModelShape, stored: Callable[[Address], bool]
) -> int:
    """How many pictures would get a new record; see `stale_pictures`."""
    return len(stale_pictures(plan, policy, shape, stored))


def stale_pictures(
    plan: SubjectPlan, policy: Policy, shape: ModelShape, stored: Callable[[Address], bool]
) -> tuple[int, ...]:
    """The positions that would get a new record, ascending: what a person is told before the work begins.

    The loop decides by itself, step by step.
    """
    if plan.first > plan.last:
        return ()
    steps = policy.steps(plan.asked, plan.first, plan.last, shape)
    new = {s.position for s in steps if s.leads_to is None and not is_needless(s, stored)}
    return tuple(sorted(new))


def _runs(positions: Iterable[int]) -> list[tuple[int, int]]:
    """First and last of each run without a gap, ascending."""
    runs: list[tuple[int, int]] = []
    for position in sorted(positions):
        if runs and runs[-1][1] == position - 1:
            runs[-1] = (runs[-1][0], position)
        else:
            runs.append((position, position))
    return runs


def _file_digest(path: Path) -> str:
    try:
        require_regular_file(path)
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise MaskUnreadable(path, error.strerror or str(error)) from error
