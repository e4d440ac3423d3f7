# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a clip's mattes lie, and which of them are there to be wired."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import bpy
from bpy.types import MovieClip

from rotopoint.deliver.naming import CUT_OUT, NameTemplate, clip_naming, find_mattes, shot_path
from rotopoint.errors import NameTemplateUnusable, OutputUnwritable, TrackMissing
from rotopoint.shot import Shot, Subject
from rotopoint.shot.frames import FileNumber
from rotopoint.shot.json import save_shot
from rotopoint.shot.names import file_name

from . import shots
from .compositor import MatteSequence
from .faults import Refused

DELIVERIES = "deliveries"
"""The folder of files for other programs, beside the mattes, unless another one is chosen."""


def folder_of(clip: MovieClip, blend: str = "") -> Path:
    """The folder of a clip's mattes: as set, else `rotopoint/<clip>` beside the .blend.

    `blend` is the path of the .blend, "": that of the one that is open. Raises Refused where that has no
    folder yet.
    """
    if clip.rotopoint.folder:
        return Path(shots.absolute(clip.rotopoint.folder, clip, blend))
    blend = blend or bpy.data.filepath
    if not blend:
        raise Refused("the mattes go beside the .blend: save it first, or choose a folder for them")
    return Path(blend).absolute().parent / "rotopoint" / file_name(clip.name, "clip")


def matte_sequences(clip: MovieClip) -> tuple[MatteSequence, ...]:
    """The mattes of each subject that lie in the clip's folder, in the clip's format.

    Raises Refused where there are none, TrackMissing where some are missing between others, and what
    `shots.shot_of` raises.
    """
    shot, folder = shots.shot_of(clip), folder_of(clip)
    if not shot.subjects:
        raise Refused(f"{clip.name} has no subjects: add one, give it a point and track it")
    clip_name, first_number = naming_of(clip, shot)
    found = [_sequence(folder, clip_name, subject, shot, first_number) for subject in shot.subjects]
    sequences = tuple(sequence for sequence in found if sequence is not None)
    if not sequences:
        raise Refused(f"no mattes of {clip.name} in {folder}: track the clip first")
    return sequences


def cut_out_sequences(clip: MovieClip) -> tuple[MatteSequence, ...]:
    """The cut-outs of each subject that the clip's delivery has written, the newest version of each.

    Those with a gap are left out. Raises what `shots.shot_of` and `folder_of` raise.
    """
    asked, shot = clip.rotopoint_delivery, shots.shot_of(clip)
    folder = Path(shots.absolute(asked.folder, clip)) if asked.folder else folder_of(clip) / DELIVERIES
    try:
        names = NameTemplate(asked.name_template, asked.padding)
    except NameTemplateUnusable:
        return ()
    clip_name, number = naming_of(clip, shot)
    number = asked.first_number if asked.use_first_number else number
    stems = [path.stem for path in folder.glob("*.exr")] if folder.is_dir() else []
    found = []
    for subject in shot.subjects:
        version = names.latest_version(stems, clip_name, subject.name, CUT_OUT)
        files = {
            n: folder / f"{names.name(clip_name, subject.name, CUT_OUT, FileNumber(n), version or 1)}.exr"
            for n in range(number, number + (shot.clip.frame_count or 1))
        }
        there = [n for n, path in files.items() if path.stem in stems]
        if there and there[-1] - there[0] + 1 == len(there):
            first = there[0]
            found.append(
                MatteSequence(subject.id, subject.name, files[first], first, len(there), first - number + 1)
            )
    return tuple(found)


def save_shot_beside(clip: MovieClip, shot: Shot, folder: Path) -> Path:
    """Write what is asked beside the mattes, for the command line and a farm; the file's path.

    Raises OutputUnwritable.
    """
    path = shot_path(folder, naming_of(clip, shot)[0])
    try:
        folder.mkdir(parents=True, exist_ok=True)
        save_shot(shot, path)
    except OSError as error:
        raise OutputUnwritable(path, error.strerror or str(error)) from error
    return path


def naming_of(clip: MovieClip, shot: Shot) -> tuple[str, int]:
    """What the worker calls the clip in file names, and the file number of clip frame 1."""
    path = Path(shot.clip.path)
    name, number = _clip_naming(path, clip.source == "SEQUENCE", path.parent.stat().st_mtime_ns)
    asked = shot.settings.first_number
    return name, number if asked is None else asked


@lru_cache(maxsize=32)
def _clip_naming(file: Path, is_sequence: bool, _changed: int) -> tuple[str, int]:
    """Looks at the folder once for each time of change."""
    return clip_naming(file, is_sequence=is_sequence)


def _sequence(
    folder: Path, clip_name: str, subject: Subject, shot: Shot, first_number: int
) -> MatteSequence | None:
    found = find_mattes(folder, clip_name, subject.name, shot.settings.format)
    # Files of an earlier numbering may lie beside.
    last_number = first_number + (shot.clip.frame_count or 1) - 1
    numbers = sorted(number for number in found if first_number <= number <= last_number)
    if not numbers:
        return None
    first, last = numbers[0], numbers[-1]
    if gaps := tuple(n - first_number + 1 for n in range(first, last) if n not in found):
        raise TrackMissing(subject.name, gaps)
    return MatteSequence(
        subject_id=subject.id,
        subject_name=subject.name,
        first_file=found[first],
        first_number=first,
        frame_count=last - first + 1,
        first_frame=first - first_number + 1,
    )
