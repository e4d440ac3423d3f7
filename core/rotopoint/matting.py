# SPDX-License-Identifier: GPL-3.0-or-later
"""A shot's mattes: from records, from masks that a person gave, from mattes that one approved."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache

import numpy as np
import numpy.typing as npt

from rotopoint.clip import Clip
from rotopoint.deliver.approved import check_approved, read_approved
from rotopoint.drawn_masks import check_drawn, read_drawn
from rotopoint.errors import TrackMissing
from rotopoint.mattes import Combined, MatteSource, color_under, combined, make_matte, trimap_of
from rotopoint.mattes.alpha import UNKNOWN
from rotopoint.plan import SubjectPlan
from rotopoint.prompting import PromptsInPicture
from rotopoint.shot import Approved, MatteEdge
from rotopoint.shot.frames import ClipFrame, FrameRange, SourceFrame
from rotopoint.shot.setting import Value
from rotopoint.store import Record
from rotopoint.store.region import WHOLE, sampled
from rotopoint.stored_tracks import StoredTracks
from rotopoint.tracking.confidence import Evidence
from rotopoint.tracking.runtime import NO_OBJECT_LOGIT

OVERVIEW_SIZE = 1024
"""Samples of logits over a whole picture, at most, where a record is about a part of it."""

NOTHING = np.full((1, 1), NO_OBJECT_LOGIT, np.float32)
"""The logits of what no record is about."""


class ShotMattes:
    """The mattes of a shot's subjects, in the pixels of the source. `boundary` and `between` are as in
    `MatteSource`."""

    def __init__(
        self,
        clip: Clip,
        plans: tuple[SubjectPlan, ...],
        prompts: PromptsInPicture,
        tracks: StoredTracks,
        boundary: float,
        between: Callable[[], None],
    ) -> None:
        self._clip = clip
        self.plans = plans
        self._prompts = prompts
        self._tracks = tracks
        self._boundary = boundary
        self._between = between
        self._approved = {(p.subject.id, a.frame): a for p in plans for a in p.subject.approved}

    def approved(self, plan: SubjectPlan, frame: ClipFrame) -> Approved | None:
        """The matte that a person has approved of a clip frame."""
        return self._approved.get((plan.subject.id, frame))

    def check_approved(self) -> None:
        """Raises ApprovedUnusable where an approved matte is not what it was."""
        for plan in self.plans:
            for approved in plan.subject.approved:
                check_approved(plan.subject.name, approved)

    def check_drawn(self, frames: FrameRange) -> None:
        """Raises MaskFrameMissing, MaskUnreadable, FrameOutsideClip where what was drawn over the mattes of
        these clip frames cannot be had."""
        for plan in self.plans:
            check_drawn(plan.subject, frames, self._clip.frame_map, self._clip.size)

    def matte(self, plan: SubjectPlan, frame: ClipFrame, record: Record | None) -> npt.NDArray[np.float32]:
        """(height, width) linear coverage in the pixels of the source; zeros where no record decides.

        An approved frame keeps its matte to the pixel. One with a mask prompt has that mask to the pixel, and
        one where the subject is absent nothing, before that is combined with others and with drawn masks.
        Raises ApprovedUnusable, MaskFrameMissing, MaskUnreadable.
        """
        approved = self.approved(plan, frame)
        if approved is not None:
            return read_approved(plan.subject.name, approved, self._clip.size)
        if record is None:
            nothing = np.zeros(self._clip.size[::-1], np.float32)
            absent = plan.subject.is_absent(frame)
            return combined(nothing, self._combined(plan, frame)) if absent else nothing
        mask = self._prompts.mask(plan, plan.position_of(record.frame))
        if mask is not None:
            hard = plan.subject.settings_on(frame).edge is MatteEdge.HARD
            own = (mask > 0.5).astype(np.float32) if hard else mask
            return combined(own, self._combined(plan, frame))
        return make_matte(self._source(plan, frame, record.frame, record))

    def trimap(self, plan: SubjectPlan, frame: ClipFrame, record: Record | None) -> npt.NDArray[np.float32]:
        """(height, width) of 0, 1 and `alpha.UNKNOWN`: where the alpha of a subject's own matte is known.

        Of what a person gave, an approved matte or a mask prompt, that is where it is 0 or 1. Zeros where no
        record decides. Raises as `matte` does.
        """
        mask = None if record is None else self._prompts.mask(plan, plan.position_of(record.frame))
        if record is not None and mask is None and self.approved(plan, frame) is None:
            return trimap_of(self._source(plan, frame, record.frame, record))
        given = self.matte(plan, frame, record)
        return np.where((given > 0) & (given < 1), np.float32(UNKNOWN), given)

    def asking(self, settings: Mapping[str, Value]) -> ShotMattes:
        """The same mattes, with other settings by name for all subjects; overrides on frames stay."""
        plans = tuple(
            replace(plan, subject=replace(plan.subject, matte=replace(plan.subject.matte, **settings)))  # type: ignore[arg-type]
            for plan in self.plans
        )
        if not settings:
            return self
        return ShotMattes(self._clip, plans, self._prompts, self._tracks, self._boundary, self._between)

    def color(
        self, plan: SubjectPlan, frame: ClipFrame, matte: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.float32]:
        """(height, width, 3) the subject's own color under its matte, scene linear and straight; black where
        there is no coverage at all. Raises ClipUnreadable, ClipChanged."""
        picture = self._clip.frame_map.source(frame)
        if picture is None or not matte.any():
            return np.zeros((*matte.shape, 3), np.float32)
        source = self._source(plan, frame, picture)
        return color_under(matte, source.light(), source)

    def overview(self, record: Record) -> npt.NDArray[np.float32]:
        """Logits (n, n) over the whole picture, whatever part of it the record is about."""
        if record.region == WHOLE:
            return record.logits.astype(np.float32)
        whole = WHOLE.within(self._clip.size)
        finer = max(whole.size) / max(record.region.size)
        count = min(round(record.logits.shape[0] * finer), OVERVIEW_SIZE)
        return sampled(record.logits, record.region, whole, count, NO_OBJECT_LOGIT).astype(np.float32)

    def _source(
        self, plan: SubjectPlan, frame: ClipFrame, picture: SourceFrame, record: Record | None = None
    ) -> MatteSource:
        """All that a matte can be made from, or a color alone where there is no record; what has to be read
        for it is read when it is asked for."""

        @cache
        def plate() -> npt.NDArray[np.float32]:
            return self._clip.read(picture).astype(np.float32) / np.float32(255)

        @cache
        def others() -> tuple[MatteSource, ...]:
            found = (
                self._stored_source(other, frame)
                for other in self.plans
                if other.subject.id != plan.subject.id
            )
            return tuple(source for source in found if source is not None)

        return MatteSource(
            NOTHING if record is None else record.logits,
            self._clip.size,
            plan.subject.settings_on(frame),
            WHOLE if record is None else record.region,
            plan.subject.prompts_on(frame),
            plate,
            lambda: self._clip.read_light(picture),
            lambda offset: self._stored_source(plan, ClipFrame(frame + offset)),
            others,
            self._combined(plan, frame),
            lambda: self._confidence(plan, frame, record),
            self._boundary,
            self._between,
        )

    def _confidence(self, plan: SubjectPlan, frame: ClipFrame, record: Record | None) -> float:
        """0..1. Of a record that is not stored, such as the answer to a click, what it says of itself."""
        stored = self._tracks.confidence(plan, frame)
        if stored is not None or record is None:
            return 1.0 if stored is None else stored
        return Evidence.of(record, record, late_scores=[record.object_score]).confidence()

    def _combined(self, plan: SubjectPlan, frame: ClipFrame) -> Combined:
        """What the finished matte of a frame is combined with. Where the subject is absent, no mask holds in
        what is not there."""
        subject, combine = plan.subject, plan.subject.combine
        by_id = {other.subject.id: other for other in self.plans}
        united = [by_id[other] for other in combine.united]
        hold_in = () if subject.is_absent(frame) else combine.hold_in
        return Combined(
            lambda: tuple(self._finished(other, frame) for other in united),
            lambda: tuple(self._finished(by_id[other], frame) for other in combine.subtracted),
            lambda: read_drawn(subject, combine.garbage, frame, self._clip.size),
            lambda: read_drawn(subject, hold_in, frame, self._clip.size),
            all(one.subject.settings_on(frame).exclusive for one in (plan, *united)),
        )

    def _finished(self, plan: SubjectPlan, frame: ClipFrame) -> npt.NDArray[np.float32]:
        """The matte of a frame as it is delivered of the store; zeros where that has nothing of it."""
        reached = plan.delivered is not None and frame in plan.delivered
        return self.matte(plan, frame, self._stored(plan, frame) if reached else None)

    def _stored(self, plan: SubjectPlan, frame: ClipFrame) -> Record | None:
        """None where the store has nothing of the frame, and where the subject is absent."""
        if frame not in self._clip.frame_map.full_range or plan.subject.is_absent(frame):
            return None
        try:
            return self._tracks.record(plan, frame)
        except TrackMissing:
            return None

    def _stored_source(self, plan: SubjectPlan, frame: ClipFrame) -> MatteSource | None:
        """As `_stored`."""
        record = self._stored(plan, frame)
        return None if record is None else self._source(plan, frame, record.frame, record)
