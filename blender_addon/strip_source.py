# SPDX-License-Identifier: GPL-3.0-or-later
"""Which pictures of which clip a strip shows, and which strips cannot be followed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import bpy
from bpy.types import MovieClip

from rotopoint.clip.sequence import NumberedFile
from rotopoint.errors import RotopointError

from . import compat, shots
from .faults import Refused


@dataclass(frozen=True)
class Playback:
    """How a strip plays its clip: one picture a scene frame.

    Clip frame `first_frame` (from 1) is at the scene frame `start`, the others up to `last_frame` follow. The
    strip is seen from the scene frame `left` up to, but not on, `right`; where that reaches beyond the
    pictures, Blender holds the first and the last one.
    """

    first_frame: int
    last_frame: int
    start: int
    left: int
    right: int

    @property
    def seen(self) -> tuple[int, int]:
        """The first and the last clip frame that can be seen."""
        first, last = (self.clip_frame(frame) for frame in (self.left, self.right - 1))
        return first, last

    def clip_frame(self, scene_frame: int) -> int:
        """What the strip shows on a scene frame."""
        frame = self.first_frame + scene_frame - self.start
        return min(max(frame, self.first_frame), self.last_frame)

    def scene_frame(self, clip_frame: int) -> int:
        """The scene frame that has a clip frame's picture, whether or not the strip is seen there."""
        return clip_frame - self.first_frame + self.start

    def is_seen(self, scene_frame: int) -> bool:
        return self.left <= scene_frame < self.right


def refusal(strip: bpy.types.Strip) -> str | None:
    """Why mattes cannot follow a strip, and what to do; None where they can.

    It loads no file, so it can serve a poll; what needs the clip's length is checked by `source_clip`.
    """
    return next(_refusals(strip), None)


def source_clip(strip: bpy.types.Strip) -> MovieClip:
    """The Movie Clip of a strip's file, found in the .blend or loaded.

    Its frame N is the N-th picture of the file, of an image strip the N-th of the strip. A clip loaded here
    takes over the strip's color space. Raises Refused where mattes cannot follow the strip.
    """
    if (reason := refusal(strip)) is not None:
        raise Refused(reason)
    clip = find_clip(strip)
    if clip is not None:
        _check_length(strip, clip)
        return clip
    clip = bpy.data.movieclips.load(str(source_file(strip)))
    clip.colorspace_settings.name = strip.colorspace_settings.name
    try:
        _check_length(strip, clip)
    except RotopointError:
        bpy.data.movieclips.remove(clip)
        raise
    return clip


def find_clip(strip: bpy.types.Strip) -> MovieClip | None:
    """The Movie Clip of the file of a strip that is not refused, or None where none is in the .blend yet."""
    path = _resolved(source_file(strip))

    def loads(clip: MovieClip) -> bool:
        return _resolved(Path(bpy.path.abspath(clip.filepath, library=clip.library))) == path

    # What is asked is kept on the clip, and a linked one cannot be written to.
    return next((clip for clip in bpy.data.movieclips if clip.library is None and loads(clip)), None)


@lru_cache(maxsize=256)
def _resolved(path: Path) -> Path:
    """Asked for at each redraw and each movement of the mouse."""
    return path.resolve()


def playback(strip: bpy.types.Strip) -> Playback:
    """How a strip that is not refused plays its clip.

    Picture n of the file (from 0) is on the scene frame n + start of the strip - trim at its start; this was
    measured by rendering.
    """
    trim, _ = compat.strip_trims(strip)
    left, right = compat.strip_handles(strip)
    count = compat.strip_content_frames(strip)
    return Playback(trim + 1, trim + count, round(compat.strip_start(strip)), left, right)


def source_file(strip: bpy.types.Strip) -> Path:
    """The file of a movie strip, the first one of an image strip."""
    if strip.type == "MOVIE":
        return _absolute(strip, strip.filepath)
    return _absolute(strip, strip.directory) / strip.elements[0].filename


def _absolute(strip: bpy.types.Strip, path: str) -> Path:
    return Path(bpy.path.abspath(path, library=strip.id_data.library)).absolute()


def is_plain(strip: bpy.types.Strip) -> bool:
    """Whether a strip by itself plays its pictures one by one. Cheap enough for each event; what lies beside
    it, and its files, `refusal` asks."""
    return next(_own_refusals(strip), None) is None


def moved_by(strip: bpy.types.Strip) -> str | None:
    """Why a strip's picture is not where the strip puts it, and what to do: an effect moves what it shows."""
    for other in compat.all_strips(strip.id_data):
        if other.mute or strip not in (getattr(other, "input_1", None), getattr(other, "input_2", None)):
            continue
        if other.type == "TRANSFORM" or not _puts_nothing(other):
            return f"the effect {other.name} moves the picture of {strip.name}: mute it while you point"
        if (reason := moved_by(other)) is not None:
            return reason
    return None


def _puts_nothing(strip: bpy.types.Strip) -> bool:
    transform = strip.transform
    moved = (transform.offset_x, transform.offset_y, transform.rotation)
    scaled = (transform.scale_x, transform.scale_y)
    return not any(moved) and scaled == (1.0, 1.0) and not (strip.use_flip_x or strip.use_flip_y)


def _own_refusals(strip: bpy.types.Strip) -> Iterator[str]:
    if strip.type not in ("MOVIE", "IMAGE"):
        yield f"{strip.name} is no movie or image strip: choose one"
        return
    if strip.id_data.library is not None:
        yield f"the scene of {strip.name} is linked from another file: open that file"
    if (meta := strip.parent_meta()) is not None:
        yield f"{strip.name} lies in the meta strip {meta.name}: take it out first"
    if strip.use_reverse_frames:
        yield f"{strip.name} plays backward: switch Reverse Frames off"
    if len(getattr(strip, "retiming_keys", ())):
        yield f"{strip.name} is retimed: remove its retiming keys, or rotoscope its clip"
    if strip.strobe > 1:
        yield f"{strip.name} is strobed: set Strobe to 1"
    if strip.type == "IMAGE" and not len(strip.elements):
        yield f"{strip.name} has no pictures"


def _refusals(strip: bpy.types.Strip) -> Iterator[str]:
    for reason in _own_refusals(strip):
        yield reason
        return
    scene = strip.id_data
    for other in compat.all_strips(scene):
        if other.type == "SPEED" and other.input_1 == strip:
            yield f"the effect {other.name} changes the speed of {strip.name}: remove it"
    animated = tuple(f"{part.path_from_id()}." for part in (strip.transform, strip.crop))
    if any(curve.data_path.startswith(animated) for curve in compat.fcurves(scene)):
        yield f"transform or crop of {strip.name} is animated, which its matte cannot follow"
    yield from _file_refusals(strip)


def _file_refusals(strip: bpy.types.Strip) -> Iterator[str]:
    path = source_file(strip)
    if not path.is_file():
        yield f"the file of {strip.name} is missing: {path}"
    if strip.type == "IMAGE" and (stray := _stray_picture(strip)) is not None:
        yield f"{stray} breaks the numbers of {strip.name}: only one numbered sequence can be tracked"


def _stray_picture(strip: bpy.types.Strip) -> str | None:
    """The first picture of an image strip that does not follow the one before it in the clip's sequence."""
    return _stray_name(tuple(element.filename for element in strip.elements))


@lru_cache(maxsize=16)
def _stray_name(names: tuple[str, ...]) -> str | None:
    """Asked for at each redraw of a panel, of thousands of names."""
    files = [NumberedFile.of(Path(name)) for name in names]
    first = files[0]
    for count, file in enumerate(files[1:], 1):
        if not file.follows(first) or file.number != first.number + count:
            return file.path.name
    return None


def takes_a_frame_each(strip: bpy.types.Strip, clip: MovieClip) -> bool:
    """Whether a strip plays a picture of its clip each scene frame. Raises Refused where its file is lost."""
    return _taken(strip) == _pictures(strip, clip)


def _taken(strip: bpy.types.Strip) -> int:
    """Scene frames of all its pictures."""
    return compat.strip_content_frames(strip) + sum(compat.strip_trims(strip))


def _pictures(strip: bpy.types.Strip, clip: MovieClip) -> int:
    return len(strip.elements) if strip.type == "IMAGE" else shots.frame_count(clip)


def _check_length(strip: bpy.types.Strip, clip: MovieClip) -> None:
    """Raises Refused where the strip does not play one picture of the clip a scene frame."""
    count = shots.frame_count(clip)
    if strip.type == "IMAGE" and len(strip.elements) > count:
        raise Refused(f"{strip.name} has {len(strip.elements)} pictures, but only {count} are on disk")
    if not takes_a_frame_each(strip, clip):
        raise Refused(
            f"{strip.name} takes {_taken(strip)} frames for {_pictures(strip, clip)} pictures: give the "
            "scene the clip's frame rate, or add the strip again"
        )
