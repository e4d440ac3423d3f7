# SPDX-License-Identifier: GPL-3.0-or-later
"""A clip's properties as a shot and back, and the one place where frames and coordinates are converted."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import bpy
from bpy.types import MovieClip

from rotopoint.clip.sequence import sequence_from
from rotopoint.errors import BoxOutsidePicture, PointOutsidePicture
from rotopoint.shot import (
    Approved,
    Box,
    ClipReference,
    Direction,
    Mask,
    MatteFormat,
    Point,
    Prompt,
    Settings,
    Shot,
    Subject,
)
from rotopoint.shot.frames import ClipFrame, FrameRange

from . import clip_color, combine_properties, compat, matte_properties
from .faults import Refused
from .properties import ROTOPOINT_PG_clip, ROTOPOINT_PG_subject

PIXEL_DECIMALS = 3
"""Blender keeps 0..1 in single precision, which is finer than this on a picture of 16K."""

COLOR_DECIMALS = 4

SETTINGS = (
    "use_range",
    "range_first",
    "range_last",
    "direction",
    "checkpoint",
    "policy",
    "input_transform",
    "format",
    "use_first_number",
    "first_number",
)
"""Properties of a clip that are a shot's settings."""


def clip_frame(clip: MovieClip, scene_frame: int) -> ClipFrame:
    """The clip frame, 1 the first picture of the file, that Blender shows at a scene frame."""
    return ClipFrame(scene_frame - clip.frame_start + 1 + clip.frame_offset)


def scene_frame(clip: MovieClip, frame: int) -> int:
    """The scene frame at which Blender shows a clip frame."""
    return frame + clip.frame_start - 1 - clip.frame_offset


def to_pixels(x: float, y: float, size: tuple[int, int]) -> tuple[float, float]:
    """From the Clip Editor's 0..1, y up, to pixels of the source, y down."""
    width, height = size
    return round(x * width, PIXEL_DECIMALS), round((1.0 - y) * height, PIXEL_DECIMALS)


def from_pixels(x: float, y: float, size: tuple[int, int]) -> tuple[float, float]:
    """From pixels of the source, y down, to the Clip Editor's 0..1, y up."""
    width, height = size
    return x / width, 1.0 - y / height


def absolute(path: str, clip: MovieClip, blend: str = "") -> str:
    """A path of `clip` without //, which stands for the folder of the .blend that the clip comes from.

    `blend` is that one's path, "": as Blender knows it. Raises Refused where there is no such folder yet.
    """
    if path.startswith("//") and not (clip.library or blend or bpy.data.filepath):
        raise Refused(f"{path} is relative to the .blend: save the .blend first")
    folder = str(Path(blend).parent) if blend else None
    return str(Path(bpy.path.abspath(path, start=folder, library=clip.library)).absolute())


def size_of(clip: MovieClip) -> tuple[int, int]:
    """(width, height) in pixels as Blender shows it. Raises Refused where the file cannot be read."""
    width, height = clip.size
    if width < 1 or height < 1:
        raise Refused(f"Blender cannot read the file of {clip.name}: {clip.filepath}")
    return width, height


def frame_count(clip: MovieClip) -> int:
    """How many clip frames the clip's file gives, whatever its Frame Offset.

    Blender counts the length of an image sequence from the offset, and not anew at each change of it.
    Raises Refused where the file is not there.
    """
    path = _file_of(clip)
    if clip.source != "SEQUENCE":
        return clip.frame_duration
    return _sequence_length(path, path.parent.stat().st_mtime_ns)


@lru_cache(maxsize=32)
def _sequence_length(first_file: Path, _changed: int) -> int:
    """Numbers up to the first gap, where Blender ends. Looks at the folder once for each time of change."""
    numbers = [file.number for file in sequence_from(first_file).files]
    return sum(1 for n, number in enumerate(numbers) if number == numbers[0] + n)


def _file_of(clip: MovieClip) -> Path:
    path = Path(absolute(clip.filepath, clip))
    try:
        is_there = path.is_file()
    except OSError as error:
        raise Refused(f"the file of {clip.name} cannot be reached: {path}: {error.strerror}") from error
    if not is_there:
        # Blender may still hold the size and length of what was there.
        raise Refused(f"the file of {clip.name} is not there: {path}; set its path anew")
    return path


def whole_range(clip: MovieClip) -> FrameRange:
    """The clip frames that get mattes: those of the set range, or all. Raises Refused, RangeReversed."""
    asked = clip.rotopoint
    if asked.use_range:
        return FrameRange(ClipFrame(asked.range_first), ClipFrame(asked.range_last))
    return FrameRange(ClipFrame(1), ClipFrame(frame_count(clip)))


def shot_of(clip: MovieClip) -> Shot:
    """What is asked of a clip, with absolute paths, and the clip as Blender shows it.

    Raises Refused, and what Shot, Subject and FrameRange raise.
    """
    asked = clip.rotopoint
    path = _file_of(clip)
    size = size_of(clip)
    reference = ClipReference(
        path=str(path),
        frame_count=frame_count(clip),
        size=size,
        honors_rotation=compat.honors_rotation(),
    )
    subjects = tuple(subject_of(subject, clip) for subject in asked.subjects)
    return Shot(reference, subjects, _settings(asked, clip))


def subject_of(subject: ROTOPOINT_PG_subject, clip: MovieClip) -> Subject:
    """One subject of a shot. Raises Refused, and what Subject raises."""
    r, g, b = (round(channel, COLOR_DECIMALS) for channel in subject.color)
    prompts = tuple(_prompts(subject, clip, size_of(clip)))
    absent = tuple(FrameRange(ClipFrame(part.first), ClipFrame(part.last)) for part in subject.absent)
    approved = tuple(
        Approved(ClipFrame(kept.frame), absolute(kept.path, clip), kept.sha256) for kept in subject.approved
    )
    return Subject(
        subject.uid,
        subject.name,
        prompts,
        (r, g, b),
        absent,
        approved,
        subject.follow,
        matte_properties.settings_of(subject.matte),
        tuple(matte_properties.overrides_of(subject.overrides)),
        combine_properties.combination_of(
            subject.combine,
            {other.uid for other in clip.rotopoint.subjects},
            lambda path: absolute(path, clip),
        ),
    )


def load_shot_into(clip: MovieClip, shot: Shot) -> None:
    """Let `clip` ask what `shot` asks; all that it asked before is replaced. Its file stays.

    Raises Refused where the shot is of a clip with another size or fewer frames, or asks what Blender cannot
    hold, PointOutsidePicture and BoxOutsidePicture; then nothing changes.
    """
    size = size_of(clip)
    if shot.clip.size is not None and shot.clip.size != size:
        theirs, ours = (f"{width}x{height}" for width, height in (shot.clip.size, size))
        raise Refused(f"the shot is of a clip with {theirs} pixels, {clip.name} has {ours}")
    last = max((f for s in shot.subjects for f in s.prompted_frames), default=1)
    if last > (count := frame_count(clip)):
        raise Refused(f"the shot has a prompt on frame {last}, {clip.name} ends at {count}")
    _check_points(shot, size)
    asked = clip.rotopoint
    kept, settings = len(asked.subjects), {name: getattr(asked, name) for name in SETTINGS}
    try:
        for subject in shot.subjects:
            _fill(asked.subjects.add(), subject, size)
        _fill_settings(asked, shot.settings)
    except (TypeError, ValueError, OverflowError) as error:
        while len(asked.subjects) > kept:
            asked.subjects.remove(kept)
        for name, value in settings.items():
            setattr(asked, name, value)
        raise Refused(f"Blender cannot hold what the shot asks: {error}") from error
    for _ in range(kept):
        asked.subjects.remove(0)
    asked.active_index = 0


def _check_points(shot: Shot, size: tuple[int, int]) -> None:
    """Raises PointOutsidePicture, BoxOutsidePicture: Blender would move them to the picture's edge."""
    width, height = size
    for subject in shot.subjects:
        for prompt in subject.prompts:
            match prompt:
                case Point(frame, x, y) if not (0 <= x <= width and 0 <= y <= height):
                    raise PointOutsidePicture(x, y, size, frame)
                case Box(frame, x0, y0, x1, y1) if not (0 <= x0 and 0 <= y0 and x1 <= width and y1 <= height):
                    raise BoxOutsidePicture((x0, y0, x1, y1), size, frame)
                case _:
                    pass


def _fill_settings(asked: ROTOPOINT_PG_clip, settings: Settings) -> None:
    """Raises TypeError, ValueError and OverflowError, as Blender's properties do."""
    if settings.range is not None:
        asked.range_first, asked.range_last = settings.range.first, settings.range.last
    asked.use_range = settings.range is not None
    for name in ("direction", "format"):
        setattr(asked, name, getattr(settings, name).value)
    for name in ("checkpoint", "policy", "input_transform"):
        setattr(asked, name, getattr(settings, name))
    if settings.first_number is not None:
        asked.first_number = settings.first_number
    asked.use_first_number = settings.first_number is not None


def new_uid() -> str:
    """An id for a subject, unlike any other."""
    return uuid.uuid4().hex[:12]


def active_subject(clip: MovieClip) -> ROTOPOINT_PG_subject | None:
    """The subject that new prompts belong to."""
    asked = clip.rotopoint
    if 0 <= asked.active_index < len(asked.subjects):
        return asked.subjects[asked.active_index]
    return None


def _settings(asked: ROTOPOINT_PG_clip, clip: MovieClip) -> Settings:
    limits = (ClipFrame(asked.range_first), ClipFrame(asked.range_last))
    transform = asked.input_transform
    if transform == clip_color.AUTO:
        transform = clip_color.transform_of(clip)
    return Settings(
        range=FrameRange(*limits) if asked.use_range else None,
        direction=Direction(asked.direction),
        checkpoint=_name_or_file(asked.checkpoint, clip),
        policy=asked.policy,
        input_transform=_name_or_file(transform, clip),
        format=MatteFormat(asked.format),
        first_number=asked.first_number if asked.use_first_number else None,
    )


def _name_or_file(text: str, clip: MovieClip) -> str:
    return absolute(text, clip) if text.startswith("//") else text


def _prompts(subject: ROTOPOINT_PG_subject, clip: MovieClip, size: tuple[int, int]) -> Iterator[Prompt]:
    for point in subject.points:
        pixels = to_pixels(point.x, point.y, size)
        yield Point(ClipFrame(point.frame), *pixels, point.positive, point.candidate)
    for box in subject.boxes:
        top_left, bottom_right = to_pixels(box.x0, box.y1, size), to_pixels(box.x1, box.y0, size)
        yield Box(ClipFrame(box.frame), *top_left, *bottom_right)
    for mask in subject.masks:
        yield Mask(ClipFrame(mask.frame), absolute(mask.path, clip))


def _fill(properties: ROTOPOINT_PG_subject, subject: Subject, size: tuple[int, int]) -> None:
    properties.uid, properties.name, properties.color = subject.id, subject.name, subject.color
    properties.follow = subject.follow
    matte_properties.fill_settings(properties.matte, subject.matte)
    for override in subject.overrides:
        matte_properties.fill_override(properties.overrides.add(), override)
    combine_properties.fill_combination(properties.combine, subject.combine)
    for frames in subject.absent:
        part = properties.absent.add()
        part.first, part.last = frames.first, frames.last
    for approved in subject.approved:
        kept = properties.approved.add()
        kept.frame, kept.path, kept.sha256 = approved.frame, approved.path, approved.sha256
    for prompt in subject.prompts:
        match prompt:
            case Point(frame, x, y, positive, candidate):
                point = properties.points.add()
                point.frame, point.positive, point.candidate = frame, positive, candidate
                point.x, point.y = from_pixels(x, y, size)
            case Box(frame, x0, y0, x1, y1):
                box = properties.boxes.add()
                box.frame = frame
                box.x0, box.y1 = from_pixels(x0, y0, size)
                box.x1, box.y0 = from_pixels(x1, y1, size)
            case Mask(frame, path):
                mask = properties.masks.add()
                mask.frame, mask.path = frame, path
