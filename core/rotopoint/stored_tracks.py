# SPDX-License-Identifier: GPL-3.0-or-later
"""What the store holds of a shot's subjects, by the clip frames that it decides."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

from rotopoint.checkpoints import ResolvedCheckpoint
from rotopoint.clip import Clip
from rotopoint.errors import TrackMissing, TrackUnreadable
from rotopoint.plan import SubjectPlan, count_stale_pictures, track_keys
from rotopoint.shot.frames import ClipFrame, FrameRange
from rotopoint.store import Record, RecordLayout, TrackStore
from rotopoint.tracking.confidence import Evidence
from rotopoint.tracking.joining import Joining
from rotopoint.tracking.kernels import Kernels
from rotopoint.tracking.policy import Policy
from rotopoint.tracking.records import SubjectRecords
from rotopoint.tracking.runtime import ModelShape
from rotopoint.tracking.runtimes import ALL_KERNELS


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


class StoredTracks:
    """The tracks of a shot's subjects, as their plans ask for them, on the clip frames of `frames`."""

    def __init__(
        self,
        store: TrackStore,
        checkpoint: ResolvedCheckpoint,
        policy: Policy,
        clip: Clip,
        plans: tuple[SubjectPlan, ...],
        frames: FrameRange,
    ) -> None:
        self._store = store
        self._checkpoint = checkpoint
        self._policy = policy
        self._clip = clip
        self._plans = plans
        self._frames = frames
        self._made_by: dict[str, Kernels] = {}
        self._approved = {(p.subject.id, a.frame) for p in plans for a in p.subject.approved}

    @property
    def shape(self) -> ModelShape:
        return self._checkpoint.configuration.shape

    def frames_of_positions(self, plan: SubjectPlan) -> dict[int, list[ClipFrame]]:
        """By position, the clip frames that a record of the subject decides."""
        position = {source: n for n, source in enumerate(plan.pictures)}
        frames: dict[int, list[ClipFrame]] = {}
        for frame in plan.delivered or ():
            source = self._clip.frame_map.source(frame)
            if source is None or position[source] in plan.absent:
                continue
            if (plan.subject.id, frame) not in self._approved:
                frames.setdefault(position[source], []).append(frame)
        return frames

    def decided(self, plan: SubjectPlan, frame: ClipFrame) -> float | None:
        """The confidence of a frame without a record: full where a person has decided it."""
        said = plan.subject.is_absent(frame) or (plan.subject.id, frame) in self._approved
        return 1.0 if said else None

    def record(self, plan: SubjectPlan, frame: ClipFrame) -> Record:
        """What is there of a subject on a clip frame, whatever the range.

        Raises FrameOutsideClip, and TrackMissing where it holds nothing.
        """
        source = self._clip.frame_map.source(frame)
        if source is None:
            raise TrackMissing(plan.subject.name, (frame,))
        # Whatever has made it.
        for kernels in ALL_KERNELS:
            with self.records(plan, kernels, write=False) as records:
                record = Joining(plan.asked, self._policy, records.get).joined(plan.position_of(source))
            if record is not None:
                return record
        raise TrackMissing(plan.subject.name, (frame,))

    def confidence(self, plan: SubjectPlan, frame: ClipFrame) -> float | None:
        """How far the record of a clip frame is to be trusted, 0..1; None where the store holds none.

        Raises FrameOutsideClip.
        """
        source = self._clip.frame_map.source(frame)
        if source is None:
            return None
        for kernels in ALL_KERNELS:
            with self.records(plan, kernels, write=False) as records:
                found = Joining(plan.asked, self._policy, records.get).confidence(plan.position_of(source))
            if found is not None:
                return found
        return None

    def pending(self, kernels: Kernels) -> int:
        """On how many pictures of subjects tracking with these would have to work, at most."""
        count = 0
        for plan in self._plans:
            with self.records(plan, kernels, write=False) as records:
                count += count_stale_pictures(plan, self._policy, self.shape, records.__contains__)
        return count

    def check(self) -> None:
        """Raises TrackMissing where a frame of the range lacks a stored record that it needs."""
        for plan in self._plans:
            with self._best_records(plan) as records:
                joining = Joining(plan.asked, self._policy, records.get)
                shown = self.frames_of_positions(plan)
                missing = [f for p, frames in shown.items() if joining.taken(p) is None for f in frames]
            if missing:
                raise TrackMissing(plan.subject.name, tuple(sorted(missing)))

    def all(self) -> Generator[FrameTracked]:
        """The clip frames of the range from the store alone, once `check` has found them there.

        Raises TrackUnreadable where a record that is needed is not there any more.
        """
        for plan in self._plans:
            yield from self._all_of(plan)

    def side_by_side(self) -> Generator[tuple[FrameTracked, ...]]:
        """The same, all subjects of a frame at a time, in the order of their plans. Raises as `all` does."""
        yield from zip(*(self._all_of(plan) for plan in self._plans), strict=True)

    def of(self, plan: SubjectPlan) -> Generator[FrameTracked]:
        """A subject's clip frames of the range; one that is not there has no record."""
        shown = {f: p for p, frames in self.frames_of_positions(plan).items() for f in frames}
        with self._best_records(plan) as records:
            joining = Joining(plan.asked, self._policy, records.get)
            for frame in self._frames:
                if frame not in shown:
                    yield FrameTracked(plan.subject.id, frame, None, False, self.decided(plan, frame))
                    continue
                record = joining.joined(shown[frame])
                confidence = joining.confidence(shown[frame])
                yield FrameTracked(plan.subject.id, frame, record, False, confidence)

    def _all_of(self, plan: SubjectPlan) -> Generator[FrameTracked]:
        needed = {f for frames in self.frames_of_positions(plan).values() for f in frames}
        for tracked in self.of(plan):
            if tracked.record is None and tracked.frame in needed:
                gone = f"the record of {plan.subject.name} on frame {tracked.frame} is gone"
                raise TrackUnreadable(self._store.folder, gone)
            yield tracked

    def evidence(self, plan: SubjectPlan) -> Generator[tuple[ClipFrame, Evidence]]:
        """What the confidence of a subject's stored frames is made of."""
        with self._best_records(plan) as records:
            joining = Joining(plan.asked, self._policy, records.get)
            for position, frames in self.frames_of_positions(plan).items():
                found = joining.evidence(position)
                if found is not None:
                    yield from ((frame, found) for frame in frames)

    def records(self, plan: SubjectPlan, kernels: Kernels, *, write: bool) -> SubjectRecords:
        """A subject's records by some kernels; those that are written are the ones read from then on."""
        if write:
            self._made_by[plan.subject.id] = kernels
        # Their numbers differ, so their records never mix. Counts of threads alter last bits at most.
        model = f"{self._checkpoint.identity} {kernels.key}"
        keys = track_keys(plan, self._policy, self._clip.identity, model, self._clip.transform_key)
        layout = RecordLayout(self.shape.logit_size, self.shape.pointer_size, self._policy.logit_type)
        return SubjectRecords(self._store, layout, plan.pictures, keys, write=write)

    def _best_records(self, plan: SubjectPlan) -> SubjectRecords:
        """A subject's records by the kernels that have made the most of them."""
        shown = self.frames_of_positions(plan)

        def stored(kernels: Kernels) -> int:
            with self.records(plan, kernels, write=False) as records:
                joining = Joining(plan.asked, self._policy, records.get)
                return sum(joining.taken(position) is not None for position in shown)

        if plan.subject.id not in self._made_by:
            self._made_by[plan.subject.id] = max(ALL_KERNELS, key=stored)
        return self.records(plan, self._made_by[plan.subject.id], write=False)
