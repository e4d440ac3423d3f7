# SPDX-License-Identifier: GPL-3.0-or-later
"""Which pass each picture of a subject is taken from: a pure function of what the passes gave.

Two rules. A pass that has given the same as another on many pictures running has nothing to add and
ends there: it has settled. And where two passes meet on a picture, the better record is taken.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rotopoint.store import Record
from rotopoint.tracking.confidence import LATE, Evidence, agreement
from rotopoint.tracking.policy import SETTLES_WITHIN, Address, Asked, GetRecord, Policy, Step

SAME = 0.999
"""IoU of two masks from which on they are the same."""

RUNNING = 16
"""Pictures running on which two passes must give the same."""

DISTANCE_WEIGHT = 0.3
"""What predicted IoU a record loses on the whole way from one prompted picture to the next.

On DAVIS with the draft model, prompts on three frames, 0.3 was best or within 0.001 of it among 0, 0.1,
0.3 and 1.
"""


def better(left: Record, right: Record, way: float, left_start: Record, right_start: Record) -> bool:
    """Whether the left pass's record is to be taken.

    `way` is 0 at the left prompt and 1 at the right one; the last two are where the passes started.
    """
    return _worth(left, left_start, way) >= _worth(right, right_start, 1.0 - way)


def _worth(record: Record, start: Record, way: float) -> float:
    """The predicted IoU, less for what has come far; none where the model sees no subject.

    No pass is worth more than what it started from: with the predicted IoU of the prompted picture as a
    factor (1 for a given mask), J of frames between a mask and points rose from 61.7 to 62.6 (as above).
    """
    seen = record.predicted_iou * start.predicted_iou if record.present else 0.0
    return seen - DISTANCE_WEIGHT * way


@dataclass
class _Settling:
    """How far a pass was compared with the one that it may settle into."""

    position: int
    running: int = 0
    done: bool = False


class Joining:
    """What is taken for each picture of one subject. `get` gives stored records.

    Answers only look at records that are there; once those that an answer needs are, it stays.
    """

    def __init__(self, asked: Asked, policy: Policy, get: GetRecord) -> None:
        self._asked = asked
        self._policy = policy
        self._get = get
        self._settling: dict[tuple[int, bool], _Settling] = {}
        self._scores: dict[Address, float] = {}

    def settled(self, address: Address) -> bool:
        """Whether the pass of a record has ended before it."""
        start, position = address
        # From the earliest picture there is one pass either way: none to settle into.
        if not self._policy.settles or start in (position, self._asked.root):
            return False
        step = -1 if address.backward else 1
        state = self._settling.setdefault((start, address.backward), _Settling(start + step))
        while not state.done and (position - state.position) * step > 0:
            if not self._compare(Address(start, state.position), state):
                return False
            state.position += step
        return state.done and (position - state.position) * step >= 0

    def _compare(self, address: Address, state: _Settling) -> bool:
        """Take one more picture into account; False where its records are not there yet."""
        start, position = address
        if position in self._asked.absent:
            return True
        if not address.backward and position > start + SETTLES_WITHIN:
            return True
        own, other = self._get(address), self._get(self._beside(address))
        if own is None or other is None:
            return False
        same = bool((own.logits > 0).any()) and agreement(own, other) >= SAME
        state.running = state.running + 1 if same else 0
        state.done = state.running == RUNNING
        return True

    def _beside(self, address: Address) -> Address:
        """The record that a pass's own is compared with."""
        if not address.backward:
            return Address(self._asked.root, address.position)
        return self._onward(self._policy.passes(self._asked, address.position)[0], address.position)

    def _onward(self, start: int, position: int) -> Address:
        """The record of a pass, or of the one that it has settled into."""
        address = Address(start, position)
        if not address.backward and self.settled(address):
            return Address(self._asked.root, position)
        return address

    def candidates(self, position: int) -> tuple[Address, ...]:
        """The records that have a say in a picture, the one from before it first; none where it is absent."""
        if position in self._asked.absent:
            return ()
        found = [self._onward(start, position) for start in self._policy.passes(self._asked, position)]
        return tuple(a for a in found if not (len(found) > 1 and a.backward and self.settled(a)))

    def taken(self, position: int) -> Address | None:
        """The record that is taken for a picture; None where one is missing, or the subject is absent."""
        candidates = self.candidates(position)
        records = [self._get(a) for a in candidates]
        if not candidates or any(r is None for r in records):
            return None
        if len(candidates) == 1:
            return candidates[0]
        left, right = self._policy.passes(self._asked, position)
        records += [self._get(Address(a.start, a.start)) for a in candidates]
        before, after, before_start, after_start = records
        if before is None or after is None or before_start is None or after_start is None:
            return None
        way = (position - left) / (right - left)
        return candidates[0 if better(before, after, way, before_start, after_start) else 1]

    def evidence(self, position: int) -> Evidence | None:
        """What speaks for the record that is taken for a picture; None where none is."""
        taken = self.taken(position)
        if taken is None:
            return None
        record, before = self._get(taken), self._get(self._before(taken))
        others = [self._get(a) for a in self.candidates(position) if a != taken]
        if record is None or before is None:
            return None
        return Evidence.of(record, before, *others[:1], late_scores=self._late_scores(taken))

    def confidence(self, position: int) -> float | None:
        """0..1 for what is taken for a picture, 1 where its mask was given; None where nothing is taken."""
        if position in self._asked.masked:
            return 1.0
        evidence = self.evidence(position)
        return None if evidence is None else evidence.confidence()

    def _late_scores(self, address: Address) -> list[float]:
        """Object scores of a pass from a record back, at most LATE."""
        scores: list[float] = []
        while len(scores) < LATE:
            if address not in self._scores:
                record = self._get(address)
                if record is None:
                    break
                self._scores[address] = record.object_score
            scores.append(self._scores[address])
            if address.start == address.position:
                break
            address = self._before(address)
        return scores

    def _before(self, address: Address) -> Address:
        """The record next to one on the way from the start of its pass."""
        step = (address.position < address.start) - (address.position > address.start)
        position = address.position + step
        while position in self._asked.absent:
            position += step
        through = self._policy.one_pass and self._asked.is_prompted(position)
        return Address(position if through else address.start, position)


def is_needless(step: Step, joining: Joining, stored: Callable[[Address], bool]) -> bool:
    """Whether a step's result is there, or nothing needs it."""
    if step.leads_to is not None:
        return stored(Address(step.leads_to, step.leads_to))
    if step.instead_of is not None and not joining.settled(Address(step.instead_of, step.position)):
        return True
    return stored(step.address) or joining.settled(step.address)
