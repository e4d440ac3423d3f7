# SPDX-License-Identifier: GPL-3.0-or-later
"""The strip that is pointed at in the Sequencer: its clip, clip frame, and place in the preview."""

from __future__ import annotations

import bpy
from bpy.types import Area, Context, MovieClip, Region, Scene, SpaceSequenceEditor, Window

from rotopoint.shot.frames import ClipFrame, FrameRange

from . import compat, shots
from .canvas import Canvas, view_to_region
from .faults import TOLD, Refused
from .strip_picture import Pair, StripPicture, is_in, to_view
from .strip_source import find_clip, is_plain, moved_by, playback, refusal, source_clip, takes_a_frame_each

DRAWN_SCALES = {"PROXY_25": 0.25, "PROXY_50": 0.5, "PROXY_75": 0.75, "PROXY_100": 1.0}
"""How large the preview makes the scene where it is told so; otherwise as large as it is rendered."""


def scene_in(context: Context) -> Scene | None:
    """The scene that the Sequencer shows; elsewhere, as in scripts, the context's."""
    if isinstance(context.space_data, SpaceSequenceEditor):
        return compat.shown_scene(context.workspace, context.scene)
    return context.scene


def strip_in(context: Context) -> bpy.types.Strip | None:
    """The active strip of that scene."""
    return _active(scene_in(context))


def clip_in(context: Context) -> MovieClip | None:
    """The clip of the active strip where that is one whose pictures play one by one; none is loaded."""
    strip = strip_in(context)
    return find_clip(strip) if strip is not None and is_plain(strip) else None


def shown_frame(context: Context) -> int:
    """The clip frame that the active strip shows; where it is not seen, the one that would be there."""
    frame, played = scene_in(context).frame_current, playback(strip_in(context))
    return played.clip_frame(frame) if played.is_seen(frame) else played.first_frame + frame - played.start


def show_frame(context: Context, frame: int) -> None:
    """Go to where the active strip shows a clip frame. Raises Refused where it does not."""
    strip = strip_in(context)
    played = playback(strip)
    there = played.scene_frame(frame)
    if not played.is_seen(there):
        raise Refused(f"{strip.name} does not show frame {frame} of its clip: it is trimmed")
    scene_in(context).frame_current = there


def off_screen(context: Context) -> str | None:
    """Why the active strip is not seen on the frame on screen."""
    strip, scene = strip_in(context), scene_in(context)
    played = playback(strip)
    if played.is_seen(scene.frame_current):
        return None
    return f"{strip.name} is seen on the frames {played.left} to {played.right - 1}: go there"


def seen_part(context: Context, clip: MovieClip) -> FrameRange:
    """The clip frames to track that the active strip shows: what is cut away needs no mattes. Raises Refused,
    RangeReversed."""
    strip, whole = strip_in(context), shots.whole_range(clip)
    first, last = playback(strip).seen
    if last < whole.first or first > whole.last:
        raise Refused(f"{strip.name} shows nothing of the range {whole.first} to {whole.last}")
    return FrameRange(ClipFrame(max(first, whole.first)), ClipFrame(min(last, whole.last)))


def preview_region(area: Area | None) -> Region | None:
    """The region of a Sequencer in which the picture is."""
    if area is None or area.type != "SEQUENCE_EDITOR" or area.spaces.active.view_type == "SEQUENCER":
        return None
    return next((region for region in area.regions if region.type == "PREVIEW"), None)


def canvas_in(context: Context, region: Region) -> Canvas | None:
    """Where a preview shows the active strip's picture; None where it has no clip yet."""
    clip = clip_in(context)
    if clip is None or min(clip.size) < 1:
        return None
    return _canvas(context, region, strip_in(context), tuple(clip.size))


def is_drawn(context: Context, clip: MovieClip) -> bool:
    """Whether the preview shows the active strip's picture: on the frame on screen, and as a picture."""
    space, scene = context.space_data, scene_in(context)
    return (
        space.display_mode == "IMAGE"
        and compat.shows_overlays(space)
        and _is_visible(scene, strip_in(context), space)
        and _plays(strip_in(context), clip)
    )


def shown_by(window: Window, area: Area) -> tuple[MovieClip, int] | None:
    """The clip of the active strip that a preview shows, and its clip frame."""
    if preview_region(area) is None:
        return None
    scene = compat.shown_scene(window.workspace, window.scene)
    strip = _active(scene)
    if strip is None or not is_plain(strip) or not _is_visible(scene, strip, area.spaces.active):
        return None
    clip = find_clip(strip)
    if clip is None or not _plays(strip, clip):
        return None
    return clip, playback(strip).clip_frame(scene.frame_current)


def has_strips(context: Context) -> bool:
    scene = scene_in(context)
    return scene is not None and scene.sequence_editor is not None and len(compat.top_strips(scene)) > 0


def take_strip(context: Context, mouse: Pair | None) -> MovieClip:
    """Let the strip to point at be the active one, and find or load its clip.

    The active one stays so where it is on screen. Else it is the topmost movie or image strip under the
    `mouse`, in pixels of the preview's region, or of all where none is there or the mouse is elsewhere, None.
    Raises Refused where it cannot be pointed at.
    """
    scene, space, active = scene_in(context), context.space_data, strip_in(context)
    if active is not None and active.type in ("MOVIE", "IMAGE") and _is_visible(scene, active, space):
        chosen = active
    else:
        chosen = _topmost(context, scene, mouse)
    if chosen is None:
        raise Refused("no movie or image strip is on screen here: go to a frame that shows one")
    if (reason := refusal(chosen) or moved_by(chosen)) is not None:
        raise Refused(reason)
    clip = source_clip(chosen)
    if chosen != active:
        scene.sequence_editor.active_strip = chosen
    return clip


def _topmost(context: Context, scene: Scene | None, mouse: Pair | None) -> bpy.types.Strip | None:
    if scene is None or scene.sequence_editor is None:
        return None
    visible = [s for s in compat.top_strips(scene) if s.type in ("MOVIE", "IMAGE")]
    visible = [s for s in visible if _is_visible(scene, s, context.space_data)]
    visible.sort(key=lambda strip: -strip.channel)
    under = [s for s in visible if mouse is not None and _is_at(context, s, *mouse)]
    return next(iter(under or visible), None)


def _is_at(context: Context, strip: bpy.types.Strip, across: float, up: float) -> bool:
    if not len(strip.elements):
        return False
    size = (strip.elements[0].orig_width, strip.elements[0].orig_height)
    if min(size) < 1:
        # Nothing has read it yet.
        return True
    canvas = _canvas(context, preview_region(context.area), strip, size)
    return is_in(canvas.seen, *canvas.to_picture(across, up))


def _active(scene: Scene | None) -> bpy.types.Strip | None:
    editor = None if scene is None else scene.sequence_editor
    return None if editor is None else editor.active_strip


def _is_visible(scene: Scene, strip: bpy.types.Strip, space: SpaceSequenceEditor) -> bool:
    left, right = compat.strip_handles(strip)
    shown = not space.display_channel or strip.channel <= space.display_channel
    muted = strip.mute or scene.sequence_editor.channels[strip.channel].mute
    return shown and not muted and left <= scene.frame_current < right


def _plays(strip: bpy.types.Strip, clip: MovieClip) -> bool:
    try:
        return takes_a_frame_each(strip, clip)
    except TOLD:
        return False


def _canvas(context: Context, region: Region, strip: bpy.types.Strip, size: tuple[int, int]) -> Canvas:
    scene = scene_in(context)
    picture = picture_of(strip, size, drawn_scale(scene, context.space_data))
    aspect = scene.render.pixel_aspect_x / scene.render.pixel_aspect_y
    return Canvas(region, view_to_region(region) @ to_view(aspect) @ picture.to_scene(), picture.seen)


def drawn_scale(scene: Scene, space: SpaceSequenceEditor) -> float:
    """How large the preview makes the scene, 1 its full resolution."""
    return DRAWN_SCALES.get(space.proxy_render_size, scene.render.resolution_percentage / 100.0)


def picture_of(strip: bpy.types.Strip, size: tuple[int, int], drawn: float = 1.0) -> StripPicture:
    """What a strip does with its picture of `size` in a scene that is drawn at this scale."""
    transform, crop, render = strip.transform, strip.crop, strip.id_data.render
    # For the screen Blender rounds half a pixel up, for a file down.
    width, height = (int(drawn * size + 0.5) for size in (render.resolution_x, render.resolution_y))
    return StripPicture(
        size=size,
        drawn_size=(width, height),
        offset=(transform.offset_x, transform.offset_y),
        scale=(transform.scale_x, transform.scale_y),
        rotation=transform.rotation,
        origin=tuple(transform.origin),
        flip_x=strip.use_flip_x,
        flip_y=strip.use_flip_y,
        crop=(crop.min_x, crop.min_y, crop.max_x, crop.max_y),
        drawn_scale=drawn,
        keeps_origin=compat.strips_keep_origin(),
    )
