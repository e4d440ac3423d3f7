# SPDX-License-Identifier: GPL-3.0-or-later
"""Which pass each picture of a subject is taken from: a pure function of what the passes gave.

Where two passes meet on a picture, the better record is taken.
"""

from __future__ import annotations

from collections.abc import Callable

from rotopoint.store import Record
from rotopoint.tracking.confidence import LATE, Evidence
from rotopoint.tracking.policy import Address, Asked, GetRecord, Policy, Step

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


class Joining:
    """What is taken for each picture of one subject. `get` gives stored records.

    Answers only look at records that are there; once those that an answer needs are, it stays.
    """

    def __init__(self, asked: Asked, policy: Policy, get: GetRecord) -> None:
        self._asked = asked
        self._policy = policy
        self._get = get
        self._scores: dict[Address, float] = {}

    def candidates(self, position: int) -> tuple[Address, ...]:
        """The records that have a say in a picture, the one from before it first; none where it is absent."""
        if position in self._asked.absent:
            return ()
        return tuple(Address(start, position) for start in self._policy.passes(self._asked, position))

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


def is_needless(step: Step, stored: Callable[[Address], bool]) -> bool:
    """Whether a step's result is there, or nothing needs it."""
    return stored(step.address if step.leads_to is None else Address(step.leads_to, step.leads_to))
