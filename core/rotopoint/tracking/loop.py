# SPDX-License-Identifier: GPL-3.0-or-later
"""The tracking loop: walks the steps of a policy for several subjects and stores what comes out.

It holds nothing but the memories that the next step can see, and goes on from stored records, so a
run that was interrupted ends with the same bytes as one that was not.
"""

from __future__ import annotations

import heapq
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic

import numpy as np
import numpy.typing as npt

from rotopoint.frames import SourceFrame
from rotopoint.store import Record
from rotopoint.tracking.policy import Policy, Step
from rotopoint.tracking.records import SubjectRecords
from rotopoint.tracking.runtime import (
    ConditionedT,
    FeaturesT,
    FramePrompts,
    MemoryBank,
    MemoryT,
    Runtime,
)

ReadPicture = Callable[[SourceFrame], npt.NDArray[np.uint8]]

FEATURES_KEPT = 4
"""Pictures whose features stay at hand: the current one and a few for memories that are made late."""


class FeatureCache(Generic[FeaturesT, ConditionedT, MemoryT]):
    """Features of the pictures used last; what falls out is encoded again when it is asked for."""

    def __init__(
        self,
        runtime: Runtime[FeaturesT, ConditionedT, MemoryT],
        read: ReadPicture,
        limit: int = FEATURES_KEPT,
    ) -> None:
        self._runtime = runtime
        self._read = read
        self._limit = limit
        self._kept: OrderedDict[SourceFrame, FeaturesT] = OrderedDict()

    def features(self, frame: SourceFrame) -> FeaturesT:
        if frame in self._kept:
            self._kept.move_to_end(frame)
            return self._kept[frame]
        features = self._runtime.encode_image(self._read(frame))
        self._kept[frame] = features
        if len(self._kept) > self._limit:
            self._kept.popitem(last=False)
        return features


@dataclass(frozen=True)
class TrackedFrame:
    """A record of a subject; `computed` where it was not stored before."""

    subject: str
    record: Record
    computed: bool


@dataclass(frozen=True)
class Preview:
    """`provisional` where tracking may yet say otherwise."""

    record: Record
    provisional: bool


class SubjectTracker(Generic[FeaturesT, ConditionedT, MemoryT]):
    """One subject's way through its pictures.

    `pictures` are all that the clip shows, ascending; steps count positions in it. `prompts` are keyed
    by position. `records` is open for writing.
    """

    def __init__(
        self,
        subject: str,
        runtime: Runtime[FeaturesT, ConditionedT, MemoryT],
        cache: FeatureCache[FeaturesT, ConditionedT, MemoryT],
        pictures: Sequence[SourceFrame],
        prompts: Mapping[int, FramePrompts],
        policy: Policy,
        records: SubjectRecords,
    ) -> None:
        self.subject = subject
        self._runtime = runtime
        self._cache = cache
        self._pictures = pictures
        self._prompts = prompts
        self._policy = policy
        self._records = records
        self._memories: dict[int, MemoryT] = {}
        self._known: dict[int, Record] = {}
        self._sweep = 0

    def steps(self, first: int, last: int) -> Iterator[Step]:
        """What is to be done for the positions `first` to `last`, less rehearsals that are not needed."""
        prompted = sorted(self._prompts)
        for step in self._policy.steps(prompted, first, last, self._runtime.shape):
            if step.leads_to is None or step.leads_to not in self._records:
                yield step

    def run(self, step: Step) -> TrackedFrame | None:
        """Do one step; None for a rehearsal."""
        stored = self._records.get(step.position) if step.final else None
        if stored is not None:
            return TrackedFrame(self.subject, stored, computed=False)
        if step.sweep != self._sweep:
            # The passes must not see each other's memories.
            self._forget(set())
            self._sweep = step.sweep
        record = self._decode(step)
        self._known[step.position] = record
        if not step.final:
            return None
        self._records.append(record)
        return TrackedFrame(self.subject, record, computed=True)

    def preview(self, position: int) -> Preview:
        """The answer on a picture with its prompts as they are now; nothing is stored.

        Where no pass has reached the picture yet it is decoded alone, which is provisional.
        """
        prompted = sorted(self._prompts)
        steps = self._policy.steps(
            prompted, min(position, prompted[0]), max(position, prompted[0]), self._runtime.shape
        )
        step = next(s for s in steps if s.position == position and s.final)
        needed = (*step.attends, *step.recent, *step.pointers)
        reached = not step.corrects and all(p in self._records for p in needed)
        if not reached:
            step = Step(0, position, prompted=position in self._prompts)
        return Preview(self._decode(step), provisional=not reached)

    def _decode(self, step: Step) -> Record:
        frame = self._pictures[step.position]
        features = self._cache.features(frame)
        bank = self._bank(step) if step.attends else None
        conditioned = self._runtime.condition_on_memory(features, bank)
        previous = None
        if step.corrects:
            previous = self._record(step.position).logits.astype(np.float32)
        decoded = self._runtime.decode_prompts(
            conditioned, self._prompts.get(step.position) if step.prompted else None, previous
        )
        self._forget({*step.attends, *step.recent, *step.pointers})
        return Record(
            frame=frame,
            logits=decoded.logits.astype(self._policy.logit_type),
            pointer=decoded.pointer,
            object_score=decoded.object_score,
            predicted_iou=decoded.predicted_iou,
            prompted=step.prompted,
        )

    def _bank(self, step: Step) -> MemoryBank[MemoryT]:
        shape = self._runtime.shape
        memories = [(0, self._memory(p)) for p in step.attends]
        # Farthest first, as upstream orders its tokens.
        memories += [
            (shape.memory_count - abs(step.position - p), self._memory(p)) for p in reversed(step.recent)
        ]
        sign = -1 if step.backward else 1
        pointers = tuple(((step.position - p) * sign, self._record(p).pointer) for p in step.pointers)
        span = min(len(self._pictures), shape.pointer_count)
        return MemoryBank(tuple(memories), pointers, max(span, 2))

    def _record(self, position: int) -> Record:
        if position not in self._known:
            record = self._records.get(position)
            assert record is not None, f"position {position} was not tracked before it was attended to"
            self._known[position] = record
        return self._known[position]

    def _memory(self, position: int) -> MemoryT:
        if position not in self._memories:
            record = self._record(position)
            self._memories[position] = self._runtime.encode_memory(
                self._cache.features(record.frame),
                record.logits.astype(np.float32),
                record.object_score,
                record.prompted,
            )
        return self._memories[position]

    def _forget(self, needed: set[int]) -> None:
        """Drop what the next step cannot see."""
        for kept in (self._memories, self._known):
            for position in [p for p in kept if p not in needed]:
                del kept[position]


def run_together(
    work: Sequence[tuple[SubjectTracker[FeaturesT, ConditionedT, MemoryT], Iterator[Step]]],
    before_step: Callable[[], None] | None = None,
) -> Iterator[TrackedFrame]:
    """All subjects side by side: those that meet on a picture share its features.

    `before_step` is called before each step; what it raises ends the work.
    """

    def keyed(index: int, steps: Iterator[Step]) -> Iterator[tuple[tuple[int, int], int, Step]]:
        return ((step.order, index, step) for step in steps)

    streams = [keyed(n, steps) for n, (_, steps) in enumerate(work)]
    for _, index, step in heapq.merge(*streams, key=lambda item: item[:2]):
        if before_step is not None:
            before_step()
        tracked = work[index][0].run(step)
        if tracked is not None:
            yield tracked
