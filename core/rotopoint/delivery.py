# SPDX-License-Identifier: GPL-3.0-or-later
"""A shot's frames made into files of one kind, in one folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rotopoint.deliver.deliverable import About, Colors, Deliverable, Frame, Layer, Need, Options
from rotopoint.deliver.matte_files import MatteFiles
from rotopoint.deliver.naming import USUAL, NameTemplate, delivery_path
from rotopoint.errors import NameTemplateUnusable, OptionUnreadable, OutputUnwritable
from rotopoint.plan import SubjectPlan
from rotopoint.session import ShotSession
from rotopoint.shot.frames import ClipFrame, FileNumber
from rotopoint.shot.json import matte_to_dict
from rotopoint.stored_tracks import FrameTracked
from rotopoint.whole_files import reason_of

Group = tuple[FrameTracked, ...]
"""Subjects on one clip frame: one, or where a file joins them, all in the order of the session's plans."""


class ShotDelivery:
    """Writes what it is given of a session; a context manager, in which files are open.

    `version` is what {version} says in names, by default the first that no file in the folder has yet of
    any subject. `resume`: files that are there stay, and that version is the last one. `subjects` are the ids
    of those that files are written of, None: all.
    Raises NameTemplateUnusable, OptionUnreadable, InputTransformOneWay, FileNumberNegative, OutputUnwritable,
    SubjectUnknown.
    """

    def __init__(
        self,
        session: ShotSession,
        folder: Path,
        kind: type[Deliverable] = MatteFiles,
        options: Options | None = None,
        names: NameTemplate = USUAL,
        version: int | None = None,
        *,
        resume: bool = False,
        subjects: Collection[str] | None = None,
    ) -> None:
        self.session = session
        self.folder = folder
        self.kind = kind
        self.names = names
        self._options = options or Options(session.shot.settings.format)
        self._open = ExitStack()
        if self._options.colors is Colors.PLATE:
            # A table that cannot be undone is known here.
            session.clip.encoded(np.zeros((1, 1, 3), np.float32))
        self._mattes = session.mattes.asking(kind.asks)
        asked = {plan.subject.id: plan for plan in self._mattes.plans}
        chosen = list(asked) if subjects is None else [session.plan(each).subject.id for each in subjects]
        self.plans = plans = tuple(asked[each] for each in dict.fromkeys(chosen))
        if not kind.joins and len(plans) > 1 and "{subject}" not in names.text:
            raise NameTemplateUnusable(names.text, "without {subject} all subjects would be one file")
        if version is not None and not names.has_version:
            raise OptionUnreadable("--version", str(version), "{version} in the --name")
        if version is not None and version < 0:
            raise OptionUnreadable("--version", str(version), "a whole number of 0 or more")
        self.resume = resume
        self.version = self._usual_version() if version is None else version
        self._groups: list[tuple[SubjectPlan, ...]] = [plans] if kind.joins else [(plan,) for plan in plans]
        self._files = {group[0].subject.id: self._deliverable(group) for group in self._groups}

    def __enter__(self) -> ShotDelivery:
        with ExitStack() as opening:
            for files in self._files.values():
                opening.enter_context(files)
            self._open = opening.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._open.__exit__(*error)  # type: ignore[arg-type]

    def paths(self) -> Iterator[Path]:
        """All files that will be written for the session's range."""
        frames = self.session.range
        for files in self._files.values():
            for frame in (frames.first,) if self.kind.one_file else frames:
                yield files.path(self.session.file_number(frame))

    def end_paths(self) -> Iterator[Path]:
        """The first and the last of each subject's: no other has a longer name."""
        for files in self._files.values():
            for end in (self.session.range.first, self.session.range.last):
                yield files.path(self.session.file_number(end))

    def stored(self) -> Iterator[Group]:
        """The frames of the range from the store alone; see `StoredTracks.all`."""
        chosen = {plan.subject.id for plan in self.plans}
        if not self.kind.joins:
            return ((t,) for t in self.session.tracks.all() if t.subject in chosen)
        beside = self.session.tracks.side_by_side()
        return (tuple(t for t in group if t.subject in chosen) for group in beside)

    @property
    def note(self) -> Path:
        """The file that says while it is under way what is asked; see `asked`."""
        return delivery_path(self.folder, self.session.clip.name, self.kind.part, self.version)

    def asked(self) -> str:
        """A hash of all that has influence on the files."""
        content = {
            "origins": self.session.due_origins(),
            "kind": f"{self.kind.__name__} {self._options}",
            "names": f"{self.names} {self.version}",
            "subjects": [plan.subject.name for plan in self.plans],
        }
        return hashlib.sha256(json.dumps(content).encode("ascii")).hexdigest()

    def write(self, group: Group) -> Path:
        """Write a frame; the file that it is in. Raises OutputUnwritable, ApprovedUnusable, ClipUnreadable.

        May be called on any thread, unless all frames go into one file.
        """
        files = self._files[group[0].subject]
        path = files.path(self.session.file_number(group[0].frame))
        if self.resume and not self.kind.one_file and path.is_file():
            return path
        with self.session.helping:
            return files.frame(self._content(group, files.needs))

    def _deliverable(self, plans: tuple[SubjectPlan, ...]) -> Deliverable:
        session, clip = self.session, self.session.clip
        subject = None if self.kind.joins else plans[0].subject.name
        extension = self.kind.extension_of(self._options)

        def path(number: FileNumber) -> Path:
            one = None if self.kind.one_file else number
            stem = self.names.name(clip.name, subject, self.kind.part, one, self.version)
            return self.folder / f"{stem}.{extension}"

        path(session.file_number(session.range.first))
        about = About(
            clip.name,
            str(clip.path),
            clip.size,
            tuple(plan.subject.name for plan in plans),
            clip.frame_rate,
            clip.pixel_aspect,
            settings=tuple(json.dumps(matte_to_dict(plan.subject.matte)) for plan in plans),
        )
        return self.kind(about, path, self._options)

    def _usual_version(self) -> int:
        if not self.names.has_version:
            return 1
        try:
            stems = [path.stem for path in self.folder.iterdir()] if self.folder.is_dir() else []
        except OSError as fault:
            raise OutputUnwritable(self.folder, reason_of(fault)) from fault
        clip, part = self.session.clip.name, self.kind.part
        subjects = [None] if self.kind.joins else [plan.subject.name for plan in self.plans]
        latest = max(self.names.latest_version(stems, clip, subject, part) for subject in subjects)
        return max(1, latest) if self.resume else latest + 1

    def _content(self, group: Group, needs: frozenset[Need]) -> Frame:
        frame = group[0].frame
        clip = self.session.clip
        source = clip.frame_map.source(frame)
        plate, light = None, None
        if Need.PLATE in needs:
            plate = np.zeros((*clip.size[::-1], 3), np.uint8) if source is None else clip.read(source)
        if Need.LIGHT in needs:
            black = np.zeros((*clip.size[::-1], 3), np.float32)
            read = clip.read_values if self._options.colors is Colors.PLATE else clip.read_light
            light = black if source is None else read(source)
        layers = tuple(self._layer(tracked, needs) for tracked in group)
        return Frame(frame, self.session.file_number(frame), layers, plate, light, clip.timecode(frame))

    def _layer(self, tracked: FrameTracked, needs: frozenset[Need]) -> Layer:
        mattes = self._mattes
        (plan,) = (plan for plan in mattes.plans if plan.subject.id == tracked.subject)
        at = (plan, tracked.frame, tracked.record)
        matte = (
            mattes.matte(*at) if Need.MATTE in needs else np.zeros(self.session.clip.size[::-1], np.float32)
        )
        color = self._color(plan, tracked.frame, matte) if Need.FOREGROUND in needs else None
        trimap = mattes.trimap(*at) if Need.TRIMAP in needs else None
        return Layer(plan.subject.name, matte, plan.subject.color, color, trimap)

    def _color(self, plan: SubjectPlan, frame: ClipFrame, matte: NDArray[np.float32]) -> NDArray[np.float32]:
        clip = self.session.clip
        color, source = self._mattes.color(plan, frame, matte), clip.frame_map.source(frame)
        if self._options.colors is Colors.LINEAR or source is None or not matte.any():
            return color
        # Where nothing is mixed it is the plate's value itself, also such as the input transform cuts off.
        values = clip.read_values(source)
        mixed = (matte > 0) & (matte < 1)
        values[mixed] = clip.encoded(color[mixed][None])[0]
        return values
