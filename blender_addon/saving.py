# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens to the files that a clip names when the .blend is saved.

Blender makes its own paths relative to a .blend that gets another folder; those in properties are ours to see
to. Masks that were drawn before there was a .blend go beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import bpy
from bpy.app.handlers import persistent
from bpy.types import MovieClip, PropertyGroup

from . import blend_paths, host, prompt_files
from .faults import TOLD, line

RELATIVE = "//"


def named_files(clip: MovieClip) -> Iterator[PropertyGroup]:
    """All that has a `path` in what is asked of a clip: masks, those that it is combined with, and approved
    mattes."""
    for subject in clip.rotopoint.subjects:
        yield from subject.masks
        yield from subject.combine.drawn
        yield from subject.approved


def follow(clip: MovieClip, old: str, new: str) -> None:
    """Let paths that are relative to the .blend `old` lead to the same files from the .blend `new`, "" where
    that has no path."""
    before, after = Path(old).absolute().parent, Path(new).absolute().parent
    if new and before == after:
        return
    for named in named_files(clip):
        if named.path.startswith(RELATIVE):
            whole = Path(bpy.path.abspath(named.path, start=str(before)))
            named.path = blend_paths.relative_to(whole, new) if new else str(whole)


def settle(clip: MovieClip, blend: str) -> None:
    """Copy masks that had no place yet beside the .blend that is about to be saved, and name them there.

    Raises OutputUnwritable, OSError.
    """
    unsaved, folder = prompt_files.unsaved_folder(), prompt_files.folder_of(clip, blend)
    if folder == unsaved:
        return
    for subject in clip.rotopoint.subjects:
        for mask in subject.masks:
            path = Path(mask.path)
            if path.parent == unsaved and prompt_files.is_ours(path) and path.is_file():
                mask.path = prompt_files.keep_in(folder, path.read_bytes(), path.suffix, blend)


def _clips() -> list[MovieClip]:
    return [clip for clip in bpy.data.movieclips if clip.is_editable]


@persistent
def _before(blend: str, *_: object) -> None:
    """`blend` is the path that is about to be written, "" for the startup file."""
    if not blend:
        return
    for clip in _clips():
        if bpy.data.filepath:
            follow(clip, bpy.data.filepath, blend)
        try:
            settle(clip, blend)
        except TOLD as error:
            # They stay where they are, and the .blend names them there.
            host.engine.state(clip.session_uid).say(line(error), failed=True)


@persistent
def _after(blend: str, *_: object) -> None:
    """A copy was written, or nothing: the file that is open is still the one before."""
    if blend:
        for clip in _clips():
            follow(clip, blend, bpy.data.filepath)


def register() -> None:
    bpy.app.handlers.save_pre.append(_before)
    bpy.app.handlers.save_post.append(_after)
    bpy.app.handlers.save_post_fail.append(_after)


def unregister() -> None:
    bpy.app.handlers.save_pre.remove(_before)
    bpy.app.handlers.save_post.remove(_after)
    bpy.app.handlers.save_post_fail.remove(_after)
