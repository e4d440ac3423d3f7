# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes of a subject's prompts, checked before they are made, and prompts near a place on screen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from bpy.types import MovieClip, bpy_prop_collection

from rotopoint.errors import BoxOutsidePicture, PointOutsidePicture
from rotopoint.shot import Box, Mask, Point, Prompt
from rotopoint.shot.frames import ClipFrame
from rotopoint.shot.prompts import CANDIDATES

from .. import shots
from ..faults import Refused
from ..properties import BOX, POINT, ROTOPOINT_PG_subject

CORNERS = (("x0", "y0"), ("x1", "y0"), ("x0", "y1"), ("x1", "y1"))
"""Properties of a box that make each of its corners: bottom left, bottom right, top left, top right."""


@dataclass(frozen=True)
class Grasped:
    """A point of a subject, or a corner (see CORNERS) of one of its boxes."""

    kind: str
    index: int
    corner: int = 0


def add_point(
    clip: MovieClip, subject: ROTOPOINT_PG_subject, frame: ClipFrame, x: float, y: float, positive: bool
) -> None:
    """Coordinates in 0..1, y up. Raises PointOutsidePicture, PromptsConflict."""
    pixels = _inside(clip, frame, x, y)
    _check(clip, subject, Point(frame, *pixels, positive))
    point = subject.points.add()
    point.frame, point.positive = frame, positive
    point.x, point.y = x, y


def move(clip: MovieClip, subject: ROTOPOINT_PG_subject, grasped: Grasped, to: tuple[float, float]) -> None:
    """Raises Refused where there is no such prompt, PointOutsidePicture, BoxOutsidePicture, BoxEmpty."""
    prompt = _prompts(subject, grasped.kind, grasped.index)[grasped.index]
    frame = ClipFrame(prompt.frame)
    if grasped.kind == POINT:
        _inside(clip, frame, *to)
        prompt.x, prompt.y = to
    else:
        set_box(clip, subject, frame, (*opposite(subject, grasped), *to))


def opposite(subject: ROTOPOINT_PG_subject, grasped: Grasped) -> tuple[float, float]:
    """The corner of a box that stays while another one is dragged."""
    box = subject.boxes[grasped.index]
    x, y = CORNERS[len(CORNERS) - 1 - grasped.corner]
    return getattr(box, x), getattr(box, y)


def set_box(
    clip: MovieClip,
    subject: ROTOPOINT_PG_subject,
    frame: ClipFrame,
    corners: tuple[float, float, float, float],
) -> None:
    """The frame's one box, from two opposite corners in 0..1. Raises BoxOutsidePicture, BoxEmpty,
    PromptsConflict."""
    x0, x1 = sorted(corners[::2])
    y0, y1 = sorted(corners[1::2])
    size = shots.size_of(clip)
    box = Box(frame, *shots.to_pixels(x0, y1, size), *shots.to_pixels(x1, y0, size))
    if not (0.0 <= x0 and 0.0 <= y0 and x1 <= 1.0 and y1 <= 1.0):
        raise BoxOutsidePicture((box.x0, box.y0, box.x1, box.y1), size, frame)
    _check(clip, subject, box)
    found = next((b for b in subject.boxes if b.frame == frame), None)
    target = found or subject.boxes.add()
    target.frame = frame
    target.x0, target.y0, target.x1, target.y1 = x0, y0, x1, y1


def add_mask(clip: MovieClip, subject: ROTOPOINT_PG_subject, frame: ClipFrame, path: str) -> None:
    """`path` may begin with //. Raises Refused, and PromptsConflict where the frame has other prompts."""
    whole = shots.absolute(path, clip)
    _check(clip, subject, Mask(frame, whole))
    mask = subject.masks.add()
    mask.frame, mask.path = frame, path


def set_mask(clip: MovieClip, subject: ROTOPOINT_PG_subject, frame: ClipFrame, path: str) -> None:
    """Let a mask file take the place of all that the frame has of prompts. `path` may begin with //.

    Raises Refused where the frame's matte is approved, and AbsenceConflict.
    """
    require_not_approved(subject, frame)
    asked = shots.subject_of(subject, clip)
    others = (prompt for prompt in asked.prompts if prompt.frame != frame)
    replace(asked, prompts=(*others, Mask(frame, shots.absolute(path, clip))))
    clear(subject, frame)
    mask = subject.masks.add()
    mask.frame, mask.path = frame, path


def require_not_approved(subject: ROTOPOINT_PG_subject, frame: int) -> None:
    """Raises Refused where the frame's matte is approved: no prompt alters it."""
    if any(kept.frame == frame for kept in subject.approved):
        raise Refused(f"the matte of {subject.name} on frame {frame} is approved: clear that first")


def remove(subject: ROTOPOINT_PG_subject, kind: str, index: int) -> None:
    """Raises Refused where the subject has no such prompt."""
    _prompts(subject, kind, index).remove(index)


def next_candidate(subject: ROTOPOINT_PG_subject, frame: int) -> int:
    """Let the frame's point mean the next of the masks that it can mean: which it is, 0 the model's choice.

    Raises Refused where the frame has not one positive point alone.
    """
    there = [p for kind in subject.prompts_by_kind().values() for p in kind if p.frame == frame]
    point = next((p for p in subject.points if p.frame == frame), None)
    if len(there) != 1 or point is None or not point.positive:
        raise Refused(f"{subject.name} can be another mask where one positive point stands alone")
    point.candidate = (point.candidate + 1) % (CANDIDATES + 1)
    return point.candidate


def clear(subject: ROTOPOINT_PG_subject, frame: int | None = None) -> int:
    """Remove the prompts of one frame, or None: all; how many they were."""
    count = 0
    for prompts in subject.prompts_by_kind().values():
        for index in reversed(range(len(prompts))):
            if frame is None or prompts[index].frame == frame:
                prompts.remove(index)
                count += 1
    return count


def handles(subject: ROTOPOINT_PG_subject, frame: int) -> Iterator[tuple[Grasped, float, float]]:
    """Where the prompts of a frame can be grasped, in 0..1: points, and the corners of boxes."""
    for index, point in enumerate(subject.points):
        if point.frame == frame:
            yield Grasped(POINT, index), point.x, point.y
    for index, box in enumerate(subject.boxes):
        if box.frame == frame:
            for corner, (x, y) in enumerate(CORNERS):
                yield Grasped(BOX, index, corner), getattr(box, x), getattr(box, y)


def _prompts(subject: ROTOPOINT_PG_subject, kind: str, index: int) -> bpy_prop_collection:
    """The subject's prompts of a kind. Raises Refused where there is none of this index."""
    prompts = subject.prompts_by_kind()[kind]
    if not 0 <= index < len(prompts):
        raise Refused(f"{subject.name} has no {kind.lower()} of number {index}")
    return prompts


def _inside(clip: MovieClip, frame: ClipFrame, x: float, y: float) -> tuple[float, float]:
    """The point in pixels of the source."""
    width, height = shots.size_of(clip)
    pixels = shots.to_pixels(x, y, (width, height))
    if not (0 <= pixels[0] < width and 0 <= pixels[1] < height):
        raise PointOutsidePicture(*pixels, (width, height), frame)
    return pixels


def _check(clip: MovieClip, subject: ROTOPOINT_PG_subject, new: Prompt) -> None:
    """The subject may have this prompt too; a box takes the place of the frame's box."""
    asked = shots.subject_of(subject, clip)
    kept = tuple(
        p for p in asked.prompts if not (isinstance(new, Box) and isinstance(p, Box) and p.frame == new.frame)
    )
    replace(asked, prompts=(*kept, new))
