# SPDX-License-Identifier: GPL-3.0-or-later
"""A shot at work: its clip, its tracks and its mattes. The worker and the command line drive it."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Generator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rotopoint.checkpoints import ResolvedCheckpoint
from rotopoint.clip import Clip, open_clip
from rotopoint.clip.ahead import ReadAhead
from rotopoint.clip.mask_file import read_mask
from rotopoint.cores import helping_threads
from rotopoint.deliver.approved import approve, check_approved, read_approved
from rotopoint.deliver.matte_files import MatteMetadata, write_matte
from rotopoint.deliver.naming import matte_path
from rotopoint.deliver.origins import due_origin
from rotopoint.errors import (
    BoxOutsidePicture,
    ClipUnreadable,
    InputError,
    MaskUnreadable,
    PointOutsidePicture,
    RecordUnwritable,
    StoppedAtFrame,
    SubjectUnknown,
    TrackMissing,
    TrackUnreadable,
)
from rotopoint.mattes import MatteSource, make_matte
from rotopoint.plan import PicturePrompts, SubjectPlan, count_stale_pictures, plan_subject, track_keys
from rotopoint.shot import Approved, Box, Mask, MatteEdge, Point, Shot
from rotopoint.shot.frames import ClipFrame, FileNumber, FrameRange, SourceFrame
from rotopoint.shot.json import map_paths
from rotopoint.store import Record, RecordLayout, TrackStore
from rotopoint.store.region import WHOLE, sampled
from rotopoint.tracking.cache import FeatureCache
from rotopoint.tracking.confidence import Evidence
from rotopoint.tracking.following import Following
from rotopoint.tracking.joining import Joining
from rotopoint.tracking.loop import Preview, SubjectTracker
from rotopoint.tracking.policy import policy_named
from rotopoint.tracking.precision import Precision
from rotopoint.tracking.preprocess import Picture, point_prompts, squared
from rotopoint.tracking.records import SubjectRecords
from rotopoint.tracking.runtime import NO_OBJECT_LOGIT, FramePrompts, MaskPrompt, ModelShape
from rotopoint.tracking.together import run_together

if TYPE_CHECKING:
    from rotopoint.tracking.sam2.runtime import Sam2Conditioned, Sam2Features, Sam2Memory, Sam2Runtime

    Tracker = SubjectTracker[Sam2Features, Sam2Conditioned, Sam2Memory]
    Cache = FeatureCache[Sam2Features, Sam2Conditioned, Sam2Memory]


OVERVIEW_SIZE = 1024
"""Samples of logits over a whole picture, at most, where a record is about a part of it."""


@dataclass(frozen=True)
class FrameTracked:
    """A clip frame of a subject is finished.

    `record` is None where none decides: the clip shows no picture, the subject is absent, its matte is
    approved. `computed` where it took work, else all came from the store. `confidence` is 0..1: 1 for
    what a person has decided, None where nothing is stored.
    """

    subject: str
    frame: ClipFrame
    record: Record | None
    computed: bool
    confidence: float | None


class ShotSession:
    """A shot whose clip is open and whose prompts are known to fit it, with the store of its tracks.

    `checkpoint` is the one that the shot names. `clip` is the shot's clip where the caller has it open
    and will close it. Nothing is written before all of the shot was checked.
    Raises what `Shot.check_complete`, `open_clip` and `plan_subject` raise, PolicyUnknown,
    PointOutsidePicture, BoxOutsidePicture, MaskUnreadable and MaskEmpty.
    """

    def __init__(
        self, shot: Shot, checkpoint: ResolvedCheckpoint, store: TrackStore, clip: Clip | None = None
    ) -> None:
        self.shot = shot
        self._checkpoint = checkpoint
        self._store = store
        self._made_by: dict[str, Precision] = {}
        self._helping = threading.BoundedSemaphore(helping_threads())
        self.policy = policy_named(shot.settings.policy)
        shot.check_complete()
        self._owns_clip = clip is None
        self.clip = clip or open_clip(shot.clip, shot.settings.input_transform)
        try:
            self.plans = tuple(plan_subject(s, shot.settings, self.clip.frame_map) for s in shot.subjects)
            # Whatever is written is named after this; a number that is none is known here.
            self.matte_path(Path(), self.plans[0], self.range.first)
            self._masks = self._check_prompts()
            self._approved = {(s.id, a.frame): a for s in shot.subjects for a in s.approved}
        except BaseException:
            self.close()
            raise

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
            due = due_origin(subject, shot.settings, self.clip.path.absolute(), first)
            found[subject.name] = {number: due(number) for number in numbers}
        return found

    def track(
        self,
        runtime: Sam2Runtime,
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
        shown = {plan.subject.id: self._frames_of_positions(plan) for plan in self.plans}
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
                for tracked in run_together(runtime, work, before_step):
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
                    yield FrameTracked(plan.subject.id, frame, None, False, self._decided(plan, frame))

    def reading(self, input_size: int) -> Callable[[SourceFrame], Picture]:
        """How to read pictures for a model beside its work, and resize them where a subject needs that.

        What it gives raises StoppedAtFrame.
        """
        all_follow = all(plan.subject.follow for plan in self.plans)

        def read(source: SourceFrame) -> Picture:
            with self._helping:
                try:
                    pixels = self.clip.read(source)
                except InputError as error:
                    raise StoppedAtFrame(self._frame_of(source), error) from error
                return Picture(pixels, pixels if all_follow else squared(pixels, input_size))

        return read

    def _frame_of(self, source: SourceFrame) -> ClipFrame:
        """The first clip frame that shows a picture; of one that none shows, the nearest before it."""
        shown = [
            (s, -n) for n, s in enumerate(self.clip.frame_map.sources, 1) if s is not None and s <= source
        ]
        return ClipFrame(-max(shown, default=(0, -1))[1])

    def preview(
        self, runtime: Sam2Runtime, subject_id: str, frame: ClipFrame, cache: Cache | None = None
    ) -> Preview:
        """What a subject's prompts give on one clip frame, now; nothing is stored.

        `cache` holds features of the runtime and the clip from one call to the next.
        Raises SubjectUnknown, FrameOutsideClip.
        """
        with ExitStack() as files:
            tracker, position = self._tracker_at(runtime, subject_id, frame, cache, files)
            return tracker.preview(position)

    def prepare(
        self, runtime: Sam2Runtime, subject_id: str, frame: ClipFrame, cache: Cache | None = None
    ) -> None:
        """Make ready what `preview` decodes prompts on; arguments and errors are the same."""
        with ExitStack() as files:
            tracker, position = self._tracker_at(runtime, subject_id, frame, cache, files)
            tracker.prepare(position)

    def _tracker_at(
        self,
        runtime: Sam2Runtime,
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

    def stored_record(self, subject_id: str, frame: ClipFrame) -> Record:
        """What the store holds of a subject on a clip frame, whatever the range.

        Raises SubjectUnknown, FrameOutsideClip, and TrackMissing where it holds nothing.
        """
        plan = self.plan(subject_id)
        source = self.clip.frame_map.source(frame)
        if source is None:
            raise TrackMissing(plan.subject.name, (frame,))
        # Whatever has made it.
        for kernels in Precision:
            with self._records(plan, kernels, write=False) as records:
                address = Joining(plan.asked, self.policy, records.get).taken(plan.position_of(source))
                record = None if address is None else records.get(address)
            if record is not None:
                return record
        raise TrackMissing(plan.subject.name, (frame,))

    def pending(self, kernels: Precision) -> int:
        """On how many pictures of subjects tracking with these would have to work, at most."""
        count = 0
        for plan in self.plans:
            with self._records(plan, kernels, write=False) as records:
                count += count_stale_pictures(
                    plan, self.policy, self._shape, records.__contains__, records.get
                )
        return count

    def stored(self) -> Generator[FrameTracked]:
        """The clip frames of the range from the store alone, once `check_stored` has found them there.

        Raises TrackUnreadable where a record that is needed is not there any more.
        """
        for plan in self.plans:
            needed = {f for frames in self._frames_of_positions(plan).values() for f in frames}
            for tracked in self._stored(plan):
                if tracked.record is None and tracked.frame in needed:
                    gone = f"the record of {plan.subject.name} on frame {tracked.frame} is gone"
                    raise TrackUnreadable(self._store.folder, gone)
                yield tracked

    def _stored(self, plan: SubjectPlan) -> Generator[FrameTracked]:
        """A subject's clip frames of the range from the store; one that is not there has no record."""
        shown = {f: p for p, frames in self._frames_of_positions(plan).items() for f in frames}
        with self._stored_records(plan) as records:
            joining = Joining(plan.asked, self.policy, records.get)
            for frame in self.range:
                if frame not in shown:
                    yield FrameTracked(plan.subject.id, frame, None, False, self._decided(plan, frame))
                    continue
                address = joining.taken(shown[frame])
                record = None if address is None else records.get(address)
                confidence = joining.confidence(shown[frame])
                yield FrameTracked(plan.subject.id, frame, record, False, confidence)

    def evidence(self, plan: SubjectPlan) -> Generator[tuple[ClipFrame, Evidence]]:
        """What the confidence of a subject's stored frames is made of."""
        with self._stored_records(plan) as records:
            joining = Joining(plan.asked, self.policy, records.get)
            for position, frames in self._frames_of_positions(plan).items():
                found = joining.evidence(position)
                if found is not None:
                    yield from ((frame, found) for frame in frames)

    def matte(self, plan: SubjectPlan, frame: ClipFrame, record: Record | None) -> npt.NDArray[np.float32]:
        """(height, width) linear coverage in the pixels of the source; zeros where no record decides.

        An approved frame keeps its matte, and one with a mask prompt that mask, to the pixel.
        Raises ApprovedUnusable.
        """
        approved = self._approved.get((plan.subject.id, frame))
        if approved is not None:
            return read_approved(plan.subject.name, approved, self.clip.size)
        if record is None:
            return np.zeros(self.clip.size[::-1], np.float32)
        mask = self._masks.get((plan.subject.id, plan.position_of(record.frame)))
        if mask is not None:
            hard = plan.subject.settings_on(frame).edge is MatteEdge.HARD
            return (mask > 0.5).astype(np.float32) if hard else mask
        return make_matte(self._matte_source(plan, frame, record))

    def _matte_source(self, plan: SubjectPlan, frame: ClipFrame, record: Record) -> MatteSource:
        subject = plan.subject

        def plate() -> npt.NDArray[np.float32]:
            return self.clip.read(record.frame).astype(np.float32) / np.float32(255)

        def stored(other: SubjectPlan, at: ClipFrame) -> MatteSource | None:
            if at not in self.clip.frame_map.full_range or other.subject.is_absent(at):
                return None
            try:
                return self._matte_source(other, at, self.stored_record(other.subject.id, at))
            except TrackMissing:
                return None

        def others() -> tuple[MatteSource, ...]:
            found = (stored(other, frame) for other in self.plans if other is not plan)
            return tuple(source for source in found if source is not None)

        return MatteSource(
            record.logits,
            self.clip.size,
            subject.settings_on(frame),
            record.region,
            subject.prompts_on(frame),
            plate,
            lambda offset: stored(plan, ClipFrame(frame + offset)),
            others,
        )

    def overview(self, record: Record) -> npt.NDArray[np.float32]:
        """Logits (n, n) over the whole picture, whatever part of it the record is about."""
        if record.region == WHOLE:
            return record.logits.astype(np.float32)
        whole = WHOLE.within(self.clip.size)
        finer = max(whole.size) / max(record.region.size)
        count = min(round(record.logits.shape[0] * finer), OVERVIEW_SIZE)
        return sampled(record.logits, record.region, whole, count, NO_OBJECT_LOGIT).astype(np.float32)

    def _decided(self, plan: SubjectPlan, frame: ClipFrame) -> float | None:
        """The confidence of a frame without a record: full where a person has decided it."""
        said = plan.subject.is_absent(frame) or (plan.subject.id, frame) in self._approved
        return 1.0 if said else None

    def approve(self, subject_id: str, frames: FrameRange, folder: Path) -> tuple[Approved, ...]:
        """Keep the stored mattes of a subject in `folder`, as the shot delivers them.

        What is approved already stays as it is; absent frames need no approval.
        Raises SubjectUnknown, FrameOutsideClip, TrackMissing, ApprovedUnusable, OutputUnwritable.
        """
        plan = self.plan(subject_id)
        for end in (frames.first, frames.last):
            self.clip.frame_map.source(end)
        self.check_approved()
        found = {t.frame: t for t in self._stored(plan) if t.frame in frames}
        missing = [f for f in frames if f not in found or found[f].confidence is None]
        if missing:
            raise TrackMissing(plan.subject.name, tuple(missing))
        approved = []
        with tempfile.TemporaryDirectory() as written:
            for frame, tracked in found.items():
                known = self._approved.get((subject_id, frame))
                if known is None and not plan.subject.is_absent(frame):
                    known = approve(self.write(Path(written), tracked), frame, folder)
                approved += [] if known is None else [known]
        return tuple(approved)

    def check_approved(self) -> None:
        """Raises ApprovedUnusable where an approved matte is not what it was."""
        for plan in self.plans:
            for approved in plan.subject.approved:
                check_approved(plan.subject.name, approved)

    def write(self, folder: Path, tracked: FrameTracked) -> Path:
        """Write the matte of a tracked frame; returns its file. Raises OutputUnwritable.

        May be called on any thread; as many work at a time as may help, reading included.
        """
        plan = self.plan(tracked.subject)
        path = self.matte_path(folder, plan, tracked.frame)
        about = MatteMetadata(self.clip.name, plan.subject.name, tracked.frame)
        with self._helping:
            matte = self.matte(plan, tracked.frame, tracked.record)
            write_matte(path, matte, self.shot.settings.format, about)
        return path

    def check_stored(self) -> None:
        """Raises TrackMissing where a frame of the range lacks a stored record that it needs."""
        for plan in self.plans:
            with self._stored_records(plan) as records:
                joining = Joining(plan.asked, self.policy, records.get)
                shown = self._frames_of_positions(plan)
                missing = [f for p, frames in shown.items() if joining.taken(p) is None for f in frames]
            if missing:
                raise TrackMissing(plan.subject.name, tuple(sorted(missing)))

    def _stored_records(self, plan: SubjectPlan) -> SubjectRecords:
        """A subject's records by the kernels that have made the most of them."""
        shown = self._frames_of_positions(plan)

        def stored(kernels: Precision) -> int:
            with self._records(plan, kernels, write=False) as records:
                joining = Joining(plan.asked, self.policy, records.get)
                return sum(joining.taken(position) is not None for position in shown)

        if plan.subject.id not in self._made_by:
            self._made_by[plan.subject.id] = max(Precision, key=stored)
        return self._records(plan, self._made_by[plan.subject.id], write=False)

    def _records(self, plan: SubjectPlan, kernels: Precision, *, write: bool) -> SubjectRecords:
        # Their numbers differ, so their records never mix. Counts of threads alter last bits at most.
        model = f"{self._checkpoint.identity} {kernels.value}"
        keys = track_keys(plan, self.policy, self.clip.identity, model, self.clip.transform_key)
        layout = RecordLayout(self._shape.logit_size, self._shape.pointer_size, self.policy.logit_type)
        return SubjectRecords(self._store, layout, plan.pictures, keys, write=write)

    @property
    def _shape(self) -> ModelShape:
        return self._checkpoint.configuration.shape

    def _tracker(
        self, plan: SubjectPlan, runtime: Sam2Runtime, cache: Cache, files: ExitStack, *, write: bool
    ) -> Tracker:
        records = files.enter_context(self._records(plan, runtime.kernels, write=write))
        if write:
            self._made_by[plan.subject.id] = runtime.kernels
        prompts = {
            position: self._frame_prompts(plan, position, prompts)
            for position, prompts in plan.prompts.items()
        }
        return SubjectTracker(
            plan.subject.id,
            runtime,
            cache,
            plan.pictures,
            plan.asked,
            prompts,
            self.policy,
            records,
            Following(self.clip.size, self._shape.input_size) if plan.subject.follow else None,
        )

    def _frame_prompts(self, plan: SubjectPlan, position: int, prompts: PicturePrompts) -> FramePrompts:
        mask = self._masks.get((plan.subject.id, position))
        if mask is not None:
            return MaskPrompt(mask > 0.5)
        return point_prompts(prompts.points, prompts.box, self.clip.size, self._shape.input_size)

    def _check_prompts(self) -> dict[tuple[str, int], npt.NDArray[np.float32]]:
        """All prompts lie in the picture; returns mask prompts as coverage by subject and position."""
        width, height = self.clip.size
        masks = {}
        for plan in self.plans:
            for prompt in plan.subject.prompts:
                match prompt:
                    case Point(frame, x, y) if not (0 <= x < width and 0 <= y < height):
                        raise PointOutsidePicture(x, y, self.clip.size, frame)
                    case Box(frame, x0, y0, x1, y1) if not (
                        0 <= x0 and 0 <= y0 and x1 <= width and y1 <= height
                    ):
                        raise BoxOutsidePicture((x0, y0, x1, y1), self.clip.size, frame)
                    case _:
                        pass
            for position, prompts in plan.prompts.items():
                if prompts.mask is not None:
                    masks[plan.subject.id, position] = self._read_mask(prompts.mask)
        return masks

    def _read_mask(self, mask: Mask) -> npt.NDArray[np.float32]:
        path = Path(mask.path)
        coverage = read_mask(path, mask.label)
        size = (coverage.shape[1], coverage.shape[0])
        if size != self.clip.size:
            width, height = self.clip.size
            raise MaskUnreadable(path, f"it is {size[0]}x{size[1]}, the clip {width}x{height} pixels")
        return coverage

    def _frames_of_positions(self, plan: SubjectPlan) -> dict[int, list[ClipFrame]]:
        """By position, the clip frames that a record of the subject decides."""
        position = {source: n for n, source in enumerate(plan.pictures)}
        frames: dict[int, list[ClipFrame]] = {}
        for frame in plan.delivered or ():
            source = self.clip.frame_map.source(frame)
            if source is None or position[source] in plan.absent:
                continue
            if (plan.subject.id, frame) not in self._approved:
                frames.setdefault(position[source], []).append(frame)
        return frames
