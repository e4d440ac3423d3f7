# SPDX-License-Identifier: GPL-3.0-or-later
"""What comes of a shot: wired into the compositor; saved as a file and loaded again."""

from __future__ import annotations

from pathlib import Path

import bpy
from bpy.props import StringProperty
from bpy.types import Context, Event, MovieClip, Operator

from rotopoint.shot.json import load_shot, save_shot

from .. import compositor, made_of, mattes, shots
from ..faults import Refused
from ..guarded import DoubtfulOperator
from .context import ClipOperator, clip_in, linked, no_clip, no_subject, tracking

SUFFIX = ".json"


class ROTOPOINT_OT_wire(DoubtfulOperator, ClipOperator, Operator):
    """Wire the clip's mattes into the compositor: one Rotopoint node a subject; again: bring it up to date"""

    bl_idname = "rotopoint.wire"
    bl_label = "Wire Compositor"
    needs = (no_clip, no_subject)
    confirm_text = "Wire Anyway"

    def doubt(self, context: Context) -> str | None:
        clip = clip_in(context)
        found = made_of.outdated(clip, mattes.matte_sequences(clip))
        return None if found is None else found.line

    def act(self, context: Context, clip: MovieClip) -> None:
        sequences = mattes.matte_sequences(clip)
        asked = {subject.uid: subject.name for subject in clip.rotopoint.subjects}
        gone = compositor.wired_subjects(context.scene, clip).keys() - asked.keys()
        compositor.unwire(context.scene, clip, gone)
        wiring = compositor.wire(context.scene, clip, sequences, mattes.cut_out_sequences(clip))
        compositor.view(wiring)
        names = ", ".join(sequence.subject_name for sequence in sequences)
        self.report({"INFO"}, f"Wired: {names}")
        found = {sequence.subject_id for sequence in sequences}
        if without := ", ".join(name for uid, name in asked.items() if uid not in found):
            self.report({"WARNING"}, f"No mattes yet of {without}: track, then wire again")


class ROTOPOINT_OT_unwire(ClipOperator, Operator):
    """Take the clip's Rotopoint nodes out of the compositor; the matte files stay"""

    bl_idname = "rotopoint.unwire"
    bl_label = "Unwire Compositor"

    def act(self, context: Context, clip: MovieClip) -> None:
        compositor.unwire(context.scene, clip)


class _ShotFile(ClipOperator):
    """Asks for a file by the browser."""

    def invoke(self, context: Context, _event: Event) -> set[str]:
        if not self.filepath:
            self.filepath = str(Path(clip_path(context)).with_suffix(SUFFIX))
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def path(self) -> Path:
        return Path(bpy.path.abspath(self.filepath))


def clip_path(context: Context) -> str:
    """Where the browser starts: beside the .blend, named after the clip."""
    clip = context.space_data.clip
    folder = Path(bpy.data.filepath).parent if bpy.data.filepath else Path.home()
    return str(folder / bpy.path.clean_name(clip.name))


class ROTOPOINT_OT_shot_save(_ShotFile, Operator):
    """Save all that is asked of the clip as a shot, which the command line tracks with the same result"""

    bl_idname = "rotopoint.shot_save"
    bl_label = "Save Shot"
    bl_options = {"REGISTER"}

    filepath: StringProperty(subtype="FILE_PATH")
    filter_glob: StringProperty(default=f"*{SUFFIX}", options={"HIDDEN"})

    def act(self, _context: Context, clip: MovieClip) -> None:
        path = self.path()
        try:
            save_shot(shots.shot_of(clip), path)
        except OSError as error:
            raise Refused(f"cannot write {path}: {error.strerror or error}") from error
        self.report({"INFO"}, f"Saved {path}")


class ROTOPOINT_OT_shot_load(_ShotFile, Operator):
    """Let the clip ask what a saved shot asks; all that it asks now is replaced"""

    bl_idname = "rotopoint.shot_load"
    bl_label = "Load Shot"
    needs = (no_clip, linked, tracking)

    filepath: StringProperty(subtype="FILE_PATH")
    filter_glob: StringProperty(default=f"*{SUFFIX}", options={"HIDDEN"})

    def act(self, _context: Context, clip: MovieClip) -> None:
        shots.load_shot_into(clip, load_shot(self.path()))


CLASSES = (
    ROTOPOINT_OT_wire,
    ROTOPOINT_OT_unwire,
    ROTOPOINT_OT_shot_save,
    ROTOPOINT_OT_shot_load,
)
