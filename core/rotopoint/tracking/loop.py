# SPDX-License-Identifier: GPL-3.0-or-later
"""The tracking loop: walks the steps of a policy for several subjects and stores what comes out.

It holds nothing but the memories that the next step can see, and goes on from stored records, so a
run that was interrupted ends with the same bytes as one that was not.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Generic

import numpy as np

from rotopoint.shot.frames import SourceFrame
from rotopoint.store import Record
from rotopoint.store.region import WHOLE, Region
from rotopoint.tracking.cache import FeatureCache, digest
from rotopoint.tracking.following import Following
from rotopoint.tracking.joining import Joining, is_needless
from rotopoint.tracking.motion import TIMES, Movement, with_what_moves_along
from rotopoint.tracking.obeying import clicks_of, contradicted
from rotopoint.tracking.policy import Address, Asked, Policy, Step, known_by
from rotopoint.tracking.records import SubjectRecords
from rotopoint.tracking.runtime import (
    ConditionedT,
    Decoded,
    FeaturesT,
    FramePrompts,
    MaskPrompt,
    MemoryBank,
    MemoryT,
    PointPrompts,
    Runtime,
)

PASSES_AT_WORK = 3
"""Passes of a subject that take turns: the one beneath, one forward from a prompt, one backward."""


@dataclass(frozen=True)
class TrackedFrame:
    """What is taken for a picture of a subject; `computed` where it took work that was not stored.

    `confidence` is 0..1, see `confidence`.
    """

    subject: str
    position: int
    record: Record
    computed: bool
    confidence: float


@dataclass(frozen=True)
class Preview:
    """`provisional` where tracking may yet say otherwise."""

    record: Record
    provisional: bool


@dataclass(frozen=True)
class Waiting(Generic[MemoryT]):
    """A step with the memories that it is to see, and these."""

    step: Step
    bank: MemoryBank[MemoryT]


class SubjectTracker(Generic[FeaturesT, ConditionedT, MemoryT]):
    """One subject's way through its pictures.

    `pictures` are all that the clip shows, ascending; positions count in it. `prompts` are keyed by
    position. `records` is open for writing. With `following` the model sees a part of each picture.
    """

    def __init__(
        self,
        subject: str,
        runtime: Runtime[FeaturesT, ConditionedT, MemoryT],
        cache: FeatureCache[FeaturesT, ConditionedT, MemoryT],
        pictures: Sequence[SourceFrame],
        asked: Asked,
        prompts: Mapping[int, FramePrompts],
        policy: Policy,
        records: SubjectRecords,
        following: Following | None = None,
    ) -> None:
        self.subject = subject
        self._runtime = runtime
        self._cache = cache
        self._pictures = pictures
        self._asked = asked
        self._prompts = prompts
        self._policy = policy
        self._records = records
        self._following = following
        self._joining = Joining(asked, policy, records.get)
        self._memories: dict[Address, MemoryT] = {}
        self._known: dict[Address, Record] = {}
        self._seen: OrderedDict[tuple[int, bool], frozenset[Address]] = OrderedDict()
        self._sweep = 0
        self._worked: set[int] = set()

    def steps(self, first: int, last: int) -> Iterator[Step]:
        """What is to be done for the positions `first` to `last`."""
        return self._policy.steps(self._asked, first, last, self._runtime.shape)

    def run(self, step: Step) -> TrackedFrame | None:
        """Do one step, unless it is done already; a result where it completes its picture."""
        if not is_needless(step, self._records.__contains__):
            self._enter(step.sweep)
            self._keep(step, self._decode(self._chosen(step), self._condition))
        return self._completed(step)

    def waiting(self, step: Step) -> Waiting[MemoryT] | None:
        """What a step is decoded on where it could be decoded together with other subjects' steps: on
        memories alone, from the whole picture."""
        alone = step.prompted or not step.attends or self._following is not None
        if alone or is_needless(step, self._records.__contains__):
            return None
        self._enter(step.sweep)
        chosen = self._chosen(step)
        return Waiting(chosen, self._bank(chosen))

    def features(self, step: Step) -> FeaturesT:
        """Those of the whole picture of a step."""
        return self._cache.features(self._pictures[step.position])

    def look(self, step: Step) -> None:
        """Have the features of the whole picture at hand, where `run` is going to look at them."""
        if self._following is None and not is_needless(step, self._records.__contains__):
            self.features(step)

    def looks(self, step: Step) -> bool:
        """Whether `look` has something to do."""
        known = is_needless(step, self._records.__contains__) or self._following is not None
        return not known and not self._cache.has_features(self._pictures[step.position])

    def remember(self, step: Step) -> Callable[[], None]:
        """What makes ready, on any thread, the memory of a step that was just done."""
        record = self._record(step.address)

        def make() -> None:
            self._cache.memory(record, self._policy.calibrates)

        return make

    def take(self, step: Step, waiting: Waiting[MemoryT], decoded: Decoded) -> TrackedFrame | None:
        """The same as `run`, with the answer to what the step was waiting for."""
        self._forget(waiting.step)
        self._keep(step, self._record_of(waiting.step, WHOLE, decoded))
        return self._completed(step)

    def _completed(self, step: Step) -> TrackedFrame | None:
        if not step.completes:
            return None
        record = self._joining.joined(step.position)
        confidence = self._joining.confidence(step.position)
        assert record is not None and confidence is not None, (
            f"{step} completed a picture without its records"
        )
        worked = step.position in self._worked
        self._worked.discard(step.position)
        return TrackedFrame(self.subject, step.position, record, worked, confidence)

    def _enter(self, sweep: int) -> None:
        if sweep != self._sweep:
            # Upstream's sweeps go over the same pictures, and must not see each other's memories.
            self._forget_all()
            self._sweep = sweep

    def _keep(self, step: Step, record: Record) -> None:
        self._known[step.address] = record
        if step.leads_to is None:
            self._records.append(step.address, record)
            self._worked.add(step.position)

    def preview(self, position: int) -> Preview:
        """The answer on a picture with its prompts as they are now; nothing is stored.

        Where no pass has reached the picture yet it is decoded alone, which is provisional.
        """
        taken = self._joining.joined(position)
        if taken is not None:
            return Preview(taken, provisional=False)
        step, provisional = self._step_at(position)
        return Preview(self._decode(step, self._ready), provisional)

    def prepare(self, position: int) -> None:
        """Make ready what `preview` decodes a picture's prompts on, whatever these are by then."""
        step, _ = self._step_at(position)
        region = WHOLE if self._following is None else self._region(step, None, self._following)
        self._ready(step, region)
        starts = self._policy.calibrates and not step.attends
        if starts and self._following is None and self._runtime.shape.motion > 0:
            self._movement(position, region)

    def _step_at(self, position: int) -> tuple[Step, bool]:
        """The step that answers a click, and whether tracking may yet say otherwise."""
        steps = self._policy.steps(self._asked, position, position, self._runtime.shape)
        here = [s for s in steps if s.position == position and s.leads_to is None]
        reached = [s for s in here if s.corrects is None and all(a in self._records for a in s.needs)]
        prompted = position in self._prompts
        if prompted:
            reached = [s for s in reached if s.prompted]
        if not reached:
            return Step(Address(position, position), prompted=prompted), True
        return self._chosen(reached[-1]), not (prompted or len(here) == 1)

    def _chosen(self, step: Step) -> Step:
        """The step with the memories that the policy has it see."""
        step = known_by(step, self._record_if_there)
        if self._policy.remembers is None:
            return step
        return self._policy.remembers(step, self._record_if_there, self._runtime.shape)

    def _record_if_there(self, address: Address) -> Record | None:
        return self._known[address] if address in self._known else self._records.get(address)

    def _ready(self, step: Step, region: Region) -> ConditionedT:
        """The same as `_condition`, kept for further clicks: the key names all that it follows from."""
        seen = (
            tuple((a.position - step.position, digest(self._record(a))) for a in addresses)
            for addresses in (step.attends, [r.address for r in step.recent], step.pointers)
        )
        ages = tuple(r.age for r in step.recent)
        key = (self._pictures[step.position], region, step.address.backward, ages, *seen)
        return self._cache.conditioned(key, lambda: self._condition(step, region))

    def _condition(self, step: Step, region: Region) -> ConditionedT:
        features = self._cache.features(self._pictures[step.position], region)
        return self._runtime.condition_on_memory(features, self._bank(step) if step.attends else None)

    def _decode(self, step: Step, condition: Callable[[Step, Region], ConditionedT]) -> Record:
        """The record of a step; `condition` is `_condition` or `_ready`."""
        prompts = self._prompts.get(step.position) if step.prompted else None
        if self._following is None:
            return self._decode_in(step, WHOLE, prompts, condition(step, WHOLE))
        if isinstance(prompts, PointPrompts) and not step.attends:
            region = self._best_view(step, prompts, condition, self._following)
        else:
            region = self._region(step, prompts, self._following)
        return self._decode_in(step, region, prompts, condition(step, region))

    def _best_view(
        self,
        step: Step,
        prompts: PointPrompts,
        condition: Callable[[Step, Region], ConditionedT],
        following: Following,
    ) -> Region:
        """Where points are answered that start a track: they do not tell how large the subject is. Of the
        views that hold all of it the one does whose answer the model trusts most; the subject is then seen as
        large as on the pictures that follow."""

        def seen(region: Region) -> Record:
            localized = following.localized(prompts, region)
            conditioned = condition(step, region)
            decoded = self._runtime.decode_prompts(conditioned, localized, calibrates=self._policy.calibrates)
            return self._record_of(step, region, decoded)

        records = [seen(region) for region in following.views(prompts)]
        best = max(filter(following.holds, records), key=lambda r: r.predicted_iou, default=records[0])
        return following.holding(following.after(best), prompts)

    def _region(self, step: Step, prompts: FramePrompts | None, following: Following) -> Region:
        """What the model sees: around where the subject was on the nearest picture that is remembered."""
        seen = [r.address for r in step.recent[:1]] or sorted(
            step.attends, key=lambda a: abs(a.position - step.position)
        )
        if isinstance(prompts, MaskPrompt):
            return following.first(prompts)
        region = following.after(self._record(seen[0])) if seen else following.whole
        return region if prompts is None else following.holding(region, prompts)

    def _decode_in(
        self, step: Step, region: Region, prompts: FramePrompts | None, conditioned: ConditionedT
    ) -> Record:
        if prompts is not None and self._following is not None:
            prompts = self._following.localized(prompts, region)
        previous = None
        if step.corrects is not None:
            previous = self._record(step.corrects).logits.astype(np.float32)
        decoded = self._runtime.decode_prompts(conditioned, prompts, previous, self._policy.calibrates)
        if self._policy.obeys and isinstance(prompts, PointPrompts):
            decoded = self._heeding(step, region, prompts, conditioned, decoded)
            if self._starts(step, prompts):
                decoded = self._with_motion(step.position, region, prompts, decoded)
        self._forget(step)
        return self._record_of(step, region, decoded)

    def _heeding(
        self,
        step: Step,
        region: Region,
        prompts: PointPrompts,
        conditioned: ConditionedT,
        decoded: Decoded,
    ) -> Decoded:
        """The answer with all clicks of the picture heeded, whatever the model says. Where it contradicts
        one on a tracked picture, what was tracked is corrected in its place. What clicks start a track with
        is given a second look. Neither is done to a mask that a person chose among several."""
        shape = self._runtime.shape
        clicks = clicks_of(prompts, shape.input_size, decoded.logits.shape[0])
        chosen, wrong = prompts.candidate != 0, contradicted(decoded, clicks)
        second_look = shape.second_look if self._starts(step, prompts) else 0.0
        if not clicks or (second_look == 0 and not wrong):
            return decoded
        # OpenCV is not where Blender is, which knows the loop's types alone.
        from rotopoint.tracking.preprocess import squared
        from rotopoint.tracking.refinement import corrected

        boxed = len(clicks) < len(prompts.labels)
        if wrong and step.attends and not (chosen or boxed):
            # A person clicks on what was tracked. A model that took a click for something else has often
            # moved more than that click was about.
            decoded = self._runtime.decode_prompts(conditioned, None, calibrates=self._policy.calibrates)
        picture = self._cache.picture(self._pictures[step.position], region)
        return corrected(decoded, clicks, squared(picture, shape.input_size), second_look)

    def _starts(self, step: Step, prompts: PointPrompts) -> bool:
        """Whether a track starts from the model's own answer, calibrated, and not from a person's choice."""
        return self._policy.calibrates and not step.attends and prompts.candidate == 0

    def _with_motion(self, position: int, region: Region, prompts: PointPrompts, decoded: Decoded) -> Decoded:
        """An answer with what moves along, and without what stays behind; as it is where that would
        contradict a click."""
        shape = self._runtime.shape
        if shape.motion == 0:
            return decoded
        movement = self._movement(position, region)
        if movement is None:
            return decoded
        logits = with_what_moves_along(decoded.logits, movement, shape.motion)
        trusted = decoded.predicted_iou * decoded.left_in(logits)
        moved = replace(decoded, logits=logits, predicted_iou=trusted)
        clicks = clicks_of(prompts, shape.input_size, decoded.logits.shape[0])
        return decoded if contradicted(moved, clicks) else moved

    def _movement(self, position: int, region: Region) -> Movement | None:
        near = (position + away for away in TIMES)
        others = tuple(self._pictures[other] for other in near if 0 <= other < len(self._pictures))
        return self._cache.movement(self._pictures[position], others, region)

    def _record_of(self, step: Step, region: Region, decoded: Decoded) -> Record:
        return Record(
            frame=self._pictures[step.position],
            logits=decoded.logits.astype(self._policy.logit_type),
            pointer=decoded.pointer,
            object_score=decoded.object_score,
            predicted_iou=decoded.predicted_iou,
            prompted=step.prompted,
            region=region,
        )

    def _bank(self, step: Step) -> MemoryBank[MemoryT]:
        shape = self._runtime.shape
        memories = [(0, self._memory(a)) for a in step.attends]
        # Farthest first, as upstream orders its tokens.
        memories += [(shape.memory_count - r.age, self._memory(r.address)) for r in reversed(step.recent)]
        # Distances count from where tracking came from.
        sign = -1 if step.address.backward else 1
        pointers = tuple(
            ((step.position - a.position) * sign, self._record(a).pointer) for a in step.pointers
        )
        span = min(len(self._pictures), shape.pointer_count)
        return MemoryBank(tuple(memories), pointers, max(span, 2))

    def _record(self, address: Address) -> Record:
        if address not in self._known:
            record = self._records.get(address)
            assert record is not None, f"{address} was not tracked before it was attended to"
            self._known[address] = record
        return self._known[address]

    def _memory(self, address: Address) -> MemoryT:
        if address not in self._memories:
            self._memories[address] = self._cache.memory(self._record(address), self._policy.calibrates)
        return self._memories[address]

    def _forget(self, step: Step) -> None:
        """Keep what the last steps of the passes at work have seen, and drop the rest."""
        self._seen[step.address.start, step.address.backward] = step.needs
        self._seen.move_to_end((step.address.start, step.address.backward))
        while len(self._seen) > PASSES_AT_WORK:
            self._seen.popitem(last=False)
        needed = frozenset().union(*self._seen.values())
        for kept in (self._memories, self._known):
            for address in [a for a in kept if a not in needed]:
                del kept[address]

    def _forget_all(self) -> None:
        self._memories.clear()
        self._known.clear()
        self._seen.clear()
