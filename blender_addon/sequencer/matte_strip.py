# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts a matte on a strip: a muted image strip of the mattes, and a MASK modifier that reads it.

A strip takes one subject's matte: several masks on one strip would leave only where they meet. For more
subjects, duplicate the strip.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import bpy
from bpy.types import Scene

from rotopoint.deliver.naming import is_matte_of

from .. import compat
from ..blend_paths import is_there, to_save
from ..faults import Refused
from ..matte_sequence import MatteSequence
from ..strip_source import Playback, playback, source_clip

SUBJECT = "rotopoint_subject"
"""Custom property of a matte strip, by which it is known again: the subject's id."""

BLEND_TYPE = "rotopoint_blend_type"
"""Custom property of a matte strip: how its source strip was blended before."""

FIRST_FRAME = "rotopoint_first_frame"
"""Custom property of a matte strip: the clip frame that its first picture belongs to."""

MODIFIER = "Rotopoint"

Values = dict[str, object]

CROP = ("min_x", "max_x", "min_y", "max_y")
TRANSFORM = ("offset_x", "offset_y", "scale_x", "scale_y", "rotation", "origin", "filter")


def apply_matte(strip: bpy.types.Strip, matte: MatteSequence) -> bpy.types.Strip:
    """Cut a movie or image strip out by `matte`, or update what an earlier call made; return the matte strip.

    The matte strip lies in a free channel, over the same scene frames. Trims and offsets of the strip, its
    transform, crop and flips are taken over as they are now: call again after they change. A second call
    with nothing changed changes nothing. From 5.0 Blender resamples the masks of scaled and rotated strips
    twice, so their edges come out a little softer.

    Raises Refused where mattes cannot follow the strip or do not cover the frames that it shows, and
    FileNotFoundError where one of their files is missing (Blender would show the strip without any matte),
    before anything is changed.
    """
    source_clip(strip)
    played = playback(strip)
    files = _files(strip, played, matte)
    scene = strip.id_data
    with compat.sequencer_scene(scene):
        found = find_matte(strip)
        # Where the strip was duplicated, the matte stays with the other one.
        if found is None or _users(scene, found) > 1:
            blend_type = strip.blend_type if found is None else found[BLEND_TYPE]
            result = _new_strip(scene, strip, matte, files[0], played)
            result[BLEND_TYPE] = blend_type
        else:
            result = found
        first = _first_used(played, matte)
        _set_files(result, files)
        for name, value in ((FIRST_FRAME, first), (SUBJECT, matte.subject_id)):
            if result.get(name) != value:
                result[name] = value
        compat.place_strip(result, _start(played, first), played.left, played.right)
        _set(result, channel=_free_channel(scene, strip, played, result))
        for data, values in _look(result, strip):
            _set(data, **values)
        if not result.colorspace_settings.is_data:
            result.colorspace_settings.is_data = True
        _ensure_modifier(strip, result)
        _set(strip, blend_type="ALPHA_OVER")
    return result


def find_matte(strip: bpy.types.Strip) -> bpy.types.Strip | None:
    """The matte strip that `apply_matte` made for a strip, or None."""
    modifier = _find_modifier(strip)
    return None if modifier is None else modifier.input_mask_strip


def has_matte(strip: bpy.types.Strip) -> bool:
    """Whether there is anything to remove: a matte, or the modifier of one that was deleted."""
    return _find_modifier(strip) is not None


def is_matte(strip: bpy.types.Strip) -> bool:
    """Whether `apply_matte` made a strip."""
    return SUBJECT in strip


def remove_matte(strip: bpy.types.Strip) -> None:
    """Take out all that `apply_matte` put in for a strip; the matte files stay."""
    scene = strip.id_data
    with compat.sequencer_scene(scene):
        modifier = _find_modifier(strip)
        if modifier is None:
            return
        matte = modifier.input_mask_strip
        strip.modifiers.remove(modifier)
        if matte is None:
            return
        if strip.blend_type == "ALPHA_OVER":
            _set(strip, blend_type=matte[BLEND_TYPE])
        if _users(scene, matte) == 0:
            compat.top_strips(scene).remove(matte)


def out_of_date(strip: bpy.types.Strip, subjects: Mapping[str, str] | None = None) -> str | None:
    """What has changed since `apply_matte`, as one line that says what to do; None where nothing has.

    For a strip that is not refused; `subjects` are the names that its clip's subjects have, by id. Cheap
    enough for a panel.
    """
    if not has_matte(strip):
        return None
    matte = find_matte(strip)
    if matte is None:
        return f"The matte of {strip.name} was deleted: put it on again"
    if not is_there(matte.directory, matte.elements[0].filename):
        return f"The matte of {strip.name} is not where it was: put it on again"
    name = (subjects or {}).get(matte[SUBJECT])
    if name is not None and not is_matte_of(matte.elements[0].filename, name):
        return f"{name} had another name when {strip.name} got its matte: track, then put it on again"
    played, first = playback(strip), matte[FIRST_FRAME]
    placed = (round(compat.strip_start(matte)), compat.strip_handles(matte))
    if placed != (_start(played, first), (played.left, played.right)):
        return f"{strip.name} was moved or trimmed: put its matte on again"
    if any(_differ(data, values) for data, values in _look(matte, strip)):
        return f"The picture of {strip.name} was moved, cropped or flipped: put its matte on again"
    return None


def _start(played: Playback, first: int) -> int:
    """The scene frame of a matte strip whose first picture belongs to the clip frame `first`."""
    return played.start + first - played.first_frame


def _first_used(played: Playback, matte: MatteSequence) -> int:
    return max(played.first_frame, matte.first_frame)


def _files(strip: bpy.types.Strip, played: Playback, matte: MatteSequence) -> list[Path]:
    """The mattes of the pictures that the strip has, all of them there."""
    first, last = played.seen
    if first < matte.first_frame or last > matte.last_frame:
        raise Refused(
            f"{strip.name} shows the clip's frames {first} to {last}, but {matte.subject_name} has mattes of "
            f"{matte.first_frame} to {matte.last_frame}: track the rest"
        )
    frames = range(_first_used(played, matte), min(played.last_frame, matte.last_frame) + 1)
    files = [matte.file(frame).absolute() for frame in frames]
    for file in files:
        if not file.is_file():
            raise FileNotFoundError(file)
    return files


def _new_strip(
    scene: Scene, source: bpy.types.Strip, matte: MatteSequence, first: Path, played: Playback
) -> bpy.types.Strip:
    strip = compat.top_strips(scene).new_image(
        name=f"{matte.subject_name} matte",
        filepath=str(first),
        channel=_free_channel(scene, source, played),
        frame_start=played.start,
    )
    strip.directory = to_save(first.parent)
    strip.select = False
    return strip


def _set_files(strip: bpy.types.Strip, files: Sequence[Path]) -> None:
    folder = Path(bpy.path.abspath(strip.directory))
    if folder.resolve() != files[0].parent.resolve():
        strip.directory = to_save(files[0].parent)
    names = [file.name for file in files]
    for element, name in zip(strip.elements, names, strict=False):
        _set(element, filename=name)
    for name in names[len(strip.elements) :]:
        strip.elements.append(name)
    while len(strip.elements) > len(names):
        strip.elements.pop(len(strip.elements) - 1)


def _free_channel(
    scene: Scene, source: bpy.types.Strip, played: Playback, own: bpy.types.Strip | None = None
) -> int:
    """The channel of `own` if it is free there, else the nearest one above the source, else below."""
    taken = {
        other.channel
        for other in compat.top_strips(scene)
        if other != own and _overlap(compat.strip_handles(other), (played.left, played.right))
    }
    largest = source.bl_rna.properties["channel"].hard_max
    wanted = [*range(source.channel + 1, largest + 1), *range(source.channel - 1, 0, -1)]
    if own is not None:
        wanted.insert(0, own.channel)
    for channel in wanted:
        if channel not in taken:
            return channel
    raise Refused(f"no channel is free beside {source.name}: move or delete a strip")


def _overlap(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return one[0] < other[1] and other[0] < one[1]


def _look(strip: bpy.types.Strip, source: bpy.types.Strip) -> Iterator[tuple[bpy.types.bpy_struct, Values]]:
    """What lets the matte lie where the source's picture lies, and be seen nowhere itself."""
    follows = compat.masks_follow_flips()
    flips = {name: getattr(source, name) and follows for name in ("use_flip_x", "use_flip_y")}
    yield strip, {"mute": True, **flips}
    yield strip.crop, {name: getattr(source.crop, name) for name in CROP}
    yield strip.transform, {name: getattr(source.transform, name) for name in TRANSFORM}


def _ensure_modifier(strip: bpy.types.Strip, matte: bpy.types.Strip) -> None:
    modifier = _find_modifier(strip) or strip.modifiers.new(MODIFIER, "MASK")
    _set(modifier, input_mask_type="STRIP", input_mask_strip=matte)


def _find_modifier(strip: bpy.types.Strip) -> bpy.types.StripModifier | None:
    """Ours: a MASK modifier that reads a matte of ours, or that has our name and lost its matte."""
    for modifier in getattr(strip, "modifiers", ()):
        if modifier.type == "MASK" and modifier.input_mask_type == "STRIP":
            matte = modifier.input_mask_strip
            if modifier.name.startswith(MODIFIER) if matte is None else SUBJECT in matte:
                return modifier
    return None


def _users(scene: Scene, matte: bpy.types.Strip) -> int:
    """How many strips are masked by a matte strip."""
    return sum(
        any(m.type == "MASK" and m.input_mask_strip == matte for m in strip.modifiers)
        for strip in compat.all_strips(scene)
        if hasattr(strip, "modifiers")
    )


def _set(data: bpy.types.bpy_struct, **values: object) -> None:
    """Assign what differs alone: an assignment makes Blender render again."""
    for name, value in _differ(data, values).items():
        setattr(data, name, value)


def _differ(data: bpy.types.bpy_struct, values: Values) -> Values:
    """Those of `values` that `data` does not have."""

    def plain(value: object) -> object:
        # Vectors of Blender's equal nothing but themselves.
        return tuple(value) if hasattr(value, "__len__") and not isinstance(value, str) else value

    return {name: value for name, value in values.items() if plain(getattr(data, name)) != plain(value)}
