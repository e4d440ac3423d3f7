# SPDX-License-Identifier: GPL-3.0-or-later
"""Policies: in what order a subject's pictures are visited, and which memories each one sees.

A policy turns what was prompted into steps, and knows neither pictures nor model weights. Positions
count the pictures that a clip shows, from 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from rotopoint.errors import PolicyUnknown
from rotopoint.tracking.runtime import ModelShape

CLOSEST_PROMPTED = 8
"""Prompted frames that the default policy attends to at once, so that many corrections stay affordable."""


@dataclass(frozen=True)
class Step:
    """One picture of one subject, and what it is decoded on.

    `attends` are prompted positions, `recent` others whose memories are seen, `pointers` those whose
    object pointers are; a step that attends to nothing starts a track. The result of a step that is
    not `final` only serves the prompted position `leads_to`. `corrects`: the prompts correct the
    answer that the same sweep gave on this picture before.
    """

    sweep: int
    position: int
    prompted: bool = False
    attends: tuple[int, ...] = ()
    recent: tuple[int, ...] = ()
    pointers: tuple[int, ...] = ()
    backward: bool = False
    corrects: bool = False
    final: bool = True
    leads_to: int | None = None

    @property
    def order(self) -> tuple[int, int]:
        """Steps of several subjects are run in this order, so that they share a picture's features."""
        return (self.sweep, -self.position if self.backward else self.position)


StepMaker = Callable[[Sequence[int], int, int, ModelShape], Iterator[Step]]
Influence = Callable[[Sequence[int], int], tuple[int, ...]]


@dataclass(frozen=True)
class Policy:
    """A named rule.

    `steps(prompted, first, last, shape)` visits all that the positions `first` to `last` need;
    `prompted` is ascending and not empty. `influence(prompted, position)` names the prompted positions
    that a picture's result depends on. `logit_type` is how records keep logits.
    """

    name: str
    logit_type: str
    steps: StepMaker
    influence: Influence


def _recent(position: int, toward: int, count: int, prompted: Sequence[int]) -> tuple[int, ...]:
    """Up to `count` positions next to `position` on the way back to `toward`, nearest first, not prompted."""
    step = -1 if toward < position else 1
    near = range(position + step, position + step * (count + 1), step)
    return tuple(p for p in near if (p - toward) * step <= 0 and p not in prompted)


def _closest(prompted: Sequence[int], position: int) -> tuple[int, ...]:
    """The prompted positions nearest in time, ascending; the earliest always stays: it starts the track."""
    if len(prompted) <= CLOSEST_PROMPTED:
        return tuple(prompted)
    nearest = sorted(prompted[1:], key=lambda p: (abs(p - position), p))[: CLOSEST_PROMPTED - 1]
    return (prompted[0], *sorted(nearest))


def _tracked(
    sweep: int,
    position: int,
    start: int,
    attends: tuple[int, ...],
    prompted: Sequence[int],
    shape: ModelShape,
) -> Step:
    """The step of a picture without prompts, on the way from `start`."""
    backward = position < start
    past = tuple(p for p in attends if (p >= position if backward else p <= position))
    return Step(
        sweep,
        position,
        attends=attends,
        recent=_recent(position, start, shape.memory_count - 1, prompted),
        pointers=past + _recent(position, start, shape.pointer_count - 1, prompted),
        backward=backward,
    )


def default_steps(prompted: Sequence[int], first: int, last: int, shape: ModelShape) -> Iterator[Step]:
    """One pass forward from the earliest prompted picture, then one backward from it.

    Going forward, each later prompted picture is decoded on the memory of the pass that reaches it.
    A picture's result does not depend on prompts after it, or on the range asked for; the backward
    pass sees the earliest prompted picture alone, so a later correction leaves it as it is.
    """
    start = prompted[0]
    yield Step(0, start, prompted=True)
    for position in range(start + 1, last + 1):
        earlier = [p for p in prompted if p < position]
        step = _tracked(0, position, start, _closest(earlier, position), earlier, shape)
        yield replace(step, prompted=True) if position in prompted else step
    for position in range(start - 1, first - 1, -1):
        yield _tracked(1, position, start, (start,), prompted, shape)


def upstream_steps(prompted: Sequence[int], first: int, last: int, shape: ModelShape) -> Iterator[Step]:
    """What SAM2VideoPredictor does with `add_all_frames_to_correct_as_cond=true`, for parity.

    Its user's history is replayed: prompt the earliest picture, propagate, correct the next prompted
    picture upon what propagation gave there, propagate again, and so on; the last propagation gives
    the track, and sees all prompted pictures from its start. Backward is a pass of its own.
    """
    start = prompted[0]
    yield Step(0, start, prompted=True)
    for sweep, target in enumerate(prompted[1:], start=1):
        known = tuple(p for p in prompted if p < target)
        for position in range(start + 1, target + 1):
            if position not in known:
                step = _tracked(sweep, position, start, known, known, shape)
                yield replace(step, final=False, leads_to=target)
        reached = _tracked(sweep, target, start, known, known, shape)
        yield replace(reached, prompted=True, corrects=True)
    everything = tuple(prompted)
    final_sweep = len(prompted)
    for position in range(start + 1, last + 1):
        if position not in everything:
            yield _tracked(final_sweep, position, start, everything, everything, shape)
    for position in range(start - 1, first - 1, -1):
        yield _tracked(final_sweep + 1, position, start, everything, everything, shape)


def default_influence(prompted: Sequence[int], position: int) -> tuple[int, ...]:
    """Forward, the prompts up to a picture; backward, the earliest alone."""
    return tuple(p for p in prompted if p <= max(position, prompted[0]))


def upstream_influence(prompted: Sequence[int], position: int) -> tuple[int, ...]:
    """Everything sees every prompt."""
    return tuple(prompted)


POLICIES = (
    Policy("default", "float16", default_steps, default_influence),
    Policy("upstream", "float32", upstream_steps, upstream_influence),
)


def policy_named(name: str) -> Policy:
    """Raises PolicyUnknown."""
    for policy in POLICIES:
        if policy.name == name:
            return policy
    raise PolicyUnknown(name, tuple(p.name for p in POLICIES))
