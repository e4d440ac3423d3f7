# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a record is to be trusted, 0..1: from what the model knows and from what the track shows.

A logistic regression on a few numbers, each of which can only lower or raise what it should. It tells
frames that deserve a look from the rest; it is not a promise of an IoU.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rotopoint.store import Record
from rotopoint.store.region import WHOLE, around_both, sampled

NAMES = (
    "object score",
    "object score of late",
    "predicted IoU",
    "jump of area",
    "jump of place",
    "agreement of two passes",
)
"""What `Evidence.numbers` are; each is higher where the record is better."""

WEIGHTS = (2.08, 2.90, 2.22, 0.44, 0.50, 2.80)
BIAS = -3.20
"""As `python -m benchmarks.confidence --stills` fitted them on 20 clips made of held-out stills, as the draft
model before the one that ships tracked them; none of DAVIS, by which they are judged
(benchmarks/results/confidence_draft.md). A fit to how the clips are tracked now finds fewer of their bad
frames, so these stay. A jump of place got 0 there, since subjects of made clips move as far as they like; it
keeps 0.5, which costs next to nothing there, for those of real ones do not."""

HIGHEST_SCORE = 10.0
"""Object scores beyond it either way are as certain."""

LATE = 16
"""Pictures, this one included, whose object scores are averaged on the way from the prompt."""

LARGEST_CHANGE = 3.0
"""Changes of area (as natural logarithms) and place (in sides of the mask) beyond it are as bad."""

FINEST = 1024
"""Samples across on which masks of different regions are compared, at most."""

FEW_SAMPLES = 3.0
"""Added to areas, so that a few samples more or less of a tiny mask are no jump."""


def agreement(a: Record, b: Record) -> float:
    """IoU of two records' masks; 1 where both are empty."""
    ours, theirs = a.logits > 0, b.logits > 0
    if a.region != b.region:
        both = around_both(a.region, b.region)
        finest = min(*a.region.size, *b.region.size)
        count = min(round(max(both.size) / finest * len(ours)), FINEST)
        ours, theirs = (sampled(m, r, both, count, False) for m, r in ((ours, a.region), (theirs, b.region)))
    union = np.count_nonzero(ours | theirs)
    return np.count_nonzero(ours & theirs) / union if union else 1.0


@dataclass(frozen=True)
class Evidence:
    """What is known of a record. `numbers` is (len(NAMES),) float64."""

    numbers: npt.NDArray[np.float64]

    @classmethod
    def of(
        cls,
        record: Record,
        before: Record,
        other: Record | None = None,
        *,
        late_scores: Sequence[float],
    ) -> Evidence:
        """What speaks for `record`.

        `before` is the one next to it on the way from the prompt that its pass started from; `other` is that
        of the pass that comes to meet it. `late_scores` are the object scores of the last LATE pictures of
        the pass, this one's included.
        """
        numbers = (
            _certainty([record.object_score]),
            _certainty(late_scores),
            record.predicted_iou,
            -min(abs(_change(record, before)), LARGEST_CHANGE),
            -_jump(before, record),
            0.0 if other is None else agreement(record, other) - 0.5,
        )
        return cls(np.nan_to_num(np.array(numbers, np.float64)))

    def confidence(self, weights: Sequence[float] = WEIGHTS, bias: float = BIAS) -> float:
        """0..1."""
        return float(0.5 + 0.5 * np.tanh(0.5 * (np.dot(weights, self.numbers) + bias)))


def _certainty(object_scores: Sequence[float]) -> float:
    """-1 for surely absent to 1 for surely there."""
    return float(np.mean(np.clip(object_scores, -HIGHEST_SCORE, HIGHEST_SCORE)) / HIGHEST_SCORE)


def _change(record: Record, since: Record) -> float:
    """The natural logarithm of the ratio of two masks' areas."""
    area, before = (float((r.logits > 0).sum()) * _cell(r) ** 2 for r in (record, since))
    few = FEW_SAMPLES * max(_cell(record), _cell(since)) ** 2
    return float(np.log((area + few) / (before + few)))


def _cell(record: Record) -> float:
    """How long a sample is, in one unit for records of one subject."""
    return float(np.sqrt(np.prod(record.region.size))) / len(record.logits) if record.region != WHOLE else 1.0


def _jump(before: Record, record: Record) -> float:
    """How far the center moved, in sides of a square of the mask's area; the most where it comes or goes."""
    there, here = _center(before), _center(record)
    if there is None or here is None:
        return 0.0 if there is here else LARGEST_CHANGE
    side = max(np.sqrt((r.logits > 0).sum()) * _cell(r) for r in (before, record))
    return float(min(np.hypot(*(here - there)) / side, LARGEST_CHANGE))


def _center(record: Record) -> npt.NDArray[np.float64] | None:
    rows, columns = np.nonzero(record.logits > 0)
    if rows.size == 0:
        return None
    x0, y0, *_ = record.region
    return np.array([rows.mean(), columns.mean()]) * _cell(record) + [y0, x0]
