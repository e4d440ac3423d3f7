# SPDX-License-Identifier: GPL-3.0-or-later
"""A shot at work: its clip, its tracks and its mattes. The worker and the command line drive it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from rotopoint.checkpoints import ResolvedCheckpoint
from rotopoint.clip import Clip, open_clip
from rotopoint.clip.ahead import ReadAhead
from rotopoint.cores import helping_threads
from rotopoint.deliver.naming import matte_path
from rotopoint.deliver.origins import due_origin
from rotopoint.errors import (
    ClipUnreadable,
    InputError,
    RecordUnwritable,
    StoppedAtFrame,
    SubjectUnknown,
)
from rotopoint.matting import ShotMattes
from rotopoint.plan import SubjectPlan, plan_subject
from rotopoint.prompting import PromptsInPicture
from rotopoint.shot import Shot
from rotopoint.shot.frames import ClipFrame, FileNumber, FrameRange, SourceFrame
from rotopoint.shot.json import map_paths
from rotopoint.store import Record, TrackStore
from rotopoint.stored_tracks import FrameTracked, StoredTracks
from rotopoint.tracking.cache import FeatureCache
from rotopoint.tracking.following import Following
from rotopoint.tracking.loop import Preview, SubjectTracker
from rotopoint.tracking.policy import policy_named
from rotopoint.tracking.preprocess import Picture, squared
from rotopoint.tracking.together import run_together

if TYPE_CHECKING:
    from rotopoint.tracking.runtime import Runtime

    # What a runtime holds between calls is its own affair.
    AnyRuntime = Runtime[Any, Any, Any]
    Tracker = SubjectTracker[Any, Any, Any]
    Cache = FeatureCache[Any, Any, Any]

PATIENCE = 0.2
"""Seconds that a picture waits for a place among the helpers. A matte whose alpha is solved keeps its own for
longer than the model, and whoever clicks meanwhile, should wait."""


class ShotSession:
    """A shot whose clip is open and whose prompts are known to fit it, with the store of its tracks.

    `tracks` is what the store holds of it, `mattes` what comes of that; `answered` is what `preview` has
    given, by subject and clip frame. Whoever reads pictures or makes mattes beside the model takes a place of
    `helping` for it: more at a time would not help.
    `checkpoint` is the one that the shot names. `clip` is the shot's clip where the caller has it open
    and will close it. `between` is called often while a matte is made that takes long, on the thread that
    makes it; what it raises ends the work. Nothing is written before all of the shot was checked.
    Raises what `Shot.check_complete`, `open_clip` and `plan_subject` raise, PolicyUnknown,
    PointOutsidePicture, BoxOutsidePicture, MaskUnreadable and MaskEmpty.
    """

    def __init__(
        self,
        shot: Shot,
        checkpoint: ResolvedCheckpoint,
        store: TrackStore,
        clip: Clip | None = None,
        between: Callable[[], None] = lambda: None,
    ) -> None:
        self.shot = shot
        self.helping = threading.BoundedSemaphore(helping_threads())
        self.policy = policy_named(shot.settings.policy)
        shot.check_complete()
        self._owns_clip = clip is None
        self.clip = clip or open_clip(shot.clip, shot.settings.input_transform)
        try:
            self.plans = tuple(plan_subject(s, shot.settings, self.clip.frame_map) for s in shot.subjects)
            # Whatever is written is named after this; a number that is none is known here.
            self.matte_path(Path(), self.plans[0], self.range.first)
            self._prompts = PromptsInPicture(self.plans, self.clip.size)
        except BaseException:
            self.close()
            raise
        self.tracks = StoredTracks(store, checkpoint, self.policy, self.clip, self.plans, self.range)
        boundary = checkpoint.configuration.boundary
        self.mattes = ShotMattes(self.clip, self.plans, self._prompts, self.tracks, boundary, between)
        self.answered: dict[tuple[str, ClipFrame], Record] = {}

    def __enter__(self) -> ShotSession:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if self._owns_clip:
            self.clip.close()

    @property
    def range(self) -> FrameRange:
        """The clip frames that get a matte."""
        return self.shot.settings.range or self.clip.frame_map.full_range

    def plan(self, subject_id: str) -> SubjectPlan:
        """Raises SubjectUnknown."""
        for plan in self.plans:
            if plan.subject.id == subject_id:
                return plan
        raise SubjectUnknown(subject_id)

    def absolute_shot(self) -> Shot:
        """The shot with absolute paths, so that it can be saved in any folder."""
        return map_paths(self.shot, lambda path: str(Path(path).absolute()))

    def file_number(self, frame: ClipFrame) -> FileNumber:
        """The number in the name of a clip frame's files."""
        first = self.shot.settings.first_number
        return self.clip.file_number(frame) if first is None else FileNumber(first + frame - 1)

    def matte_path(self, folder: Path, plan: SubjectPlan, frame: ClipFrame) -> Path:
        return matte_path(
            folder, self.clip.name, plan.subject.name, self.file_number(frame), self.shot.settings.format
        )

    def due_origins(self) -> dict[str, dict[int, str]]:
        """What each matte of the range is to be made of, by subject name and file number."""
        shot, first = self.absolute_shot(), self.file_number(ClipFrame(1))
        numbers = range(self.file_number(self.range.first), self.file_number(self.range.last) + 1)
        found = {}
        for subject in shot.subjects:
            due = due_origin(subject, shot.settings, self.clip.path.absolute(), first, shot.subjects)
            found[subject.name] = {number: due(number) for number in numbers}
        return found

    def track(
        self,
        runtime: AnyRuntime,
        before_step: Callable[[], None] | None = None,
        cache: Cache | None = None,
    ) -> Generator[FrameTracked]:
        """Track all subjects, and name each clip frame of the range when it is finished.

        Frames that no record decides come last. Closing the iterator ends the work after the step in
        progress; what was tracked stays in the store. `before_step` is called before each step, also
        before those that no frame comes of; what it raises ends the work.
        `cache` holds features of the runtime and the clip from one call to the next.
        Raises StoppedAtFrame where a picture cannot be read or a record not be written.
        """
        shown = {plan.subject.id: self.tracks.frames_of_positions(plan) for plan in self.plans}
        with ExitStack() as files:
            cache = cache or FeatureCache(runtime, self.clip.read)
            read = self.reading(runtime.shape.input_size)
            ahead = files.enter_context(ReadAhead(read, self.clip.picture_count))
            # A click that is answered meanwhile may look at a part where no subject of this shot does.
            files.enter_context(cache.reading(lambda f: ahead(f).whole, lambda f: ahead(f).pixels))
            trackers = [self._tracker(plan, runtime, cache, files, write=True) for plan in self.plans]
            work = [
                (tracker, tracker.steps(plan.first, plan.last))
                for tracker, plan in zip(trackers, self.plans, strict=True)
                if shown[plan.subject.id]
            ]
            try:
                # Whatever looks ahead has ended before the clip is closed.
                with closing(run_together(runtime, work, before_step)) as running:
                    for tracked in running:
                        for frame in shown[tracked.subject].get(tracked.position, ()):
                            yield FrameTracked(
                                tracked.subject, frame, tracked.record, tracked.computed, tracked.confidence
                            )
            except RecordUnwritable as error:
                raise StoppedAtFrame(self._frame_of(SourceFrame(error.source)), error) from error
        for plan in self.plans:
            decided = {frame for frames in shown[plan.subject.id].values() for frame in frames}
            for frame in self.range:
                if frame not in decided:
                    yield FrameTracked(plan.subject.id, frame, None, False, self.tracks.decided(plan, frame))

    def reading(self, input_size: int) -> Callable[[SourceFrame], Picture]:
        """How to read pictures for a model beside its work, and resize them where a subject needs that.

        What it gives raises StoppedAtFrame.
        """
        all_follow = all(plan.subject.follow for plan in self.plans)

        def read(source: SourceFrame) -> Picture:
            placed = self.helping.acquire(timeout=PATIENCE)
            try:
                pixels = self.clip.read(source)
                return Picture(pixels, pixels if all_follow else squared(pixels, input_size))
            except InputError as error:
                raise StoppedAtFrame(self._frame_of(source), error) from error
            finally:
                if placed:
                    self.helping.release()

        return read

    def _frame_of(self, source: SourceFrame) -> ClipFrame:
        """The first clip frame that shows a picture; of one that none shows, the nearest before it."""
        shown = [
            (s, -n) for n, s in enumerate(self.clip.frame_map.sources, 1) if s is not None and s <= source
        ]
        return ClipFrame(-max(shown, default=(0, -1))[1])

    def preview(
        self, runtime: AnyRuntime, subject_id: str, frame: ClipFrame, cache: Cache | None = None
    ) -> Preview:
        """What a subject's prompts give on one clip frame, now; nothing is stored.

        `cache` holds features of the runtime and the clip from one call to the next.
        Raises SubjectUnknown, FrameOutsideClip.
        """
        with ExitStack() as files:
            tracker, position = self._tracker_at(runtime, subject_id, frame, cache, files)
            answer = tracker.preview(position)
        self.answered[subject_id, frame] = answer.record
        return answer

    def prepare(
        self, runtime: AnyRuntime, subject_id: str, frame: ClipFrame, cache: Cache | None = None
    ) -> None:
        """Make ready what `preview` decodes prompts on; arguments and errors are the same."""
        with ExitStack() as files:
            tracker, position = self._tracker_at(runtime, subject_id, frame, cache, files)
            tracker.prepare(position)

    def _tracker_at(
        self,
        runtime: AnyRuntime,
        subject_id: str,
        frame: ClipFrame,
        cache: Cache | None,
        files: ExitStack,
    ) -> tuple[Tracker, int]:
        """A subject's tracker, for reading, and the position of a clip frame."""
        plan = self.plan(subject_id)
        source = self.clip.frame_map.source(frame)
        if source is None:
            raise ClipUnreadable(self.clip.path, f"frame {frame} shows no picture")
        cache = cache or FeatureCache(runtime, self.clip.read)
        return self._tracker(plan, runtime, cache, files, write=False), plan.position_of(source)

    def matte(self, plan: SubjectPlan, frame: ClipFrame, record: Record | None) -> npt.NDArray[np.float32]:
        """See `ShotMattes.matte`."""
        return self.mattes.matte(plan, frame, record)

    def _tracker(
        self, plan: SubjectPlan, runtime: AnyRuntime, cache: Cache, files: ExitStack, *, write: bool
    ) -> Tracker:
        input_size = self.tracks.shape.input_size
        return SubjectTracker(
            plan.subject.id,
            runtime,
            cache,
            plan.pictures,
            plan.asked,
            self._prompts.of(plan, input_size),
            self.policy,
            files.enter_context(self.tracks.records(plan, runtime.kernels, write=write)),
            Following(self.clip.size, input_size) if plan.subject.follow else None,
        )
