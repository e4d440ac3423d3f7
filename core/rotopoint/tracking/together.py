# SPDX-License-Identifier: GPL-3.0-or-later
"""Several subjects at once: those that meet on a picture share its features, and on a GPU its work."""

from __future__ import annotations

import heapq
import logging
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from functools import partial

from rotopoint.errors import RotopointError
from rotopoint.tracking.ahead import LookAhead
from rotopoint.tracking.loop import SubjectTracker, TrackedFrame, Waiting
from rotopoint.tracking.policy import Step
from rotopoint.tracking.runtime import ConditionedT, Decoded, FeaturesT, MemoryT, Runtime

Turn = tuple[int, Step]
"""A subject by its number, and what it does next."""

log = logging.getLogger(__name__)


def run_together(
    runtime: Runtime[FeaturesT, ConditionedT, MemoryT],
    work: Sequence[tuple[SubjectTracker[FeaturesT, ConditionedT, MemoryT], Iterator[Step]]],
    before_step: Callable[[], None] | None = None,
) -> Generator[TrackedFrame]:
    """All subjects' steps in the order of `Step.order`, as many at once as the runtime wants.

    `before_step` is called before each step; what it raises ends the work.
    """

    def keyed(index: int, steps: Iterator[Step]) -> Iterator[tuple[tuple[int, ...], int, Step]]:
        return ((step.order, index, step) for step in steps)

    trackers = [tracker for tracker, _ in work]
    streams = [keyed(number, steps) for number, (_, steps) in enumerate(work)]
    merged = ((n, step) for _, n, step in heapq.merge(*streams, key=lambda item: item[:2]))
    with LookAhead(runtime) as ahead:
        for turns, following in _meeting(merged, lambda: runtime.subjects_at_once):
            if before_step is not None:
                for _ in turns:
                    before_step()
            if runtime.decodes_together and runtime.subjects_at_once > 1:
                meanwhile = partial(_look_ahead, trackers, following)
                answers = _decoded_together(runtime, trackers, turns, meanwhile)
                done = [
                    trackers[n].take(step, *answers[n]) if n in answers else _run(trackers, (n, step))
                    for n, step in turns
                ]
            elif len(turns) == 1:
                look = _to_look_at(trackers, turns[0], following)
                done = [ahead.beside(partial(_run, trackers, turns[0]), look)]
                if look is not None:
                    ahead.go_on(trackers[turns[0][0]].remember(turns[0][1]))
            else:
                for number, step in turns:
                    trackers[number].look(step)
                done = runtime.side_by_side([partial(_run, trackers, turn) for turn in turns])
            yield from (tracked for tracked in done if tracked is not None)


def _run(
    trackers: Sequence[SubjectTracker[FeaturesT, ConditionedT, MemoryT]], turn: Turn
) -> TrackedFrame | None:
    number, step = turn
    return trackers[number].run(step)


def _to_look_at(
    trackers: Sequence[SubjectTracker[FeaturesT, ConditionedT, MemoryT]], turn: Turn, following: Turn | None
) -> Callable[[], None] | None:
    """What to have another thread look at during a turn: the next picture, if its features are not at hand.

    A turn with prompts has all threads: its last bits depend on their number.
    """
    if following is None or turn[1].prompted or turn[1].position == following[1].position:
        return None
    wanted = trackers[following[0]].looks(following[1])
    return partial(_look_ahead, trackers, following) if wanted else None


def _look_ahead(
    trackers: Sequence[SubjectTracker[FeaturesT, ConditionedT, MemoryT]], turn: Turn | None
) -> None:
    """Have the features at hand that come next. What is amiss there is told when it is their turn: what is
    being worked on is to be stored first."""
    if turn is None:
        return
    number, step = turn
    try:
        trackers[number].look(step)
    except (RotopointError, RuntimeError, MemoryError) as error:
        log.info("picture %d was not looked at ahead: %s", step.position, error)


def _meeting(turns: Iterable[Turn], at_once: Callable[[], int]) -> Iterator[tuple[list[Turn], Turn | None]]:
    """Turns in a row of different subjects on one picture, at most `at_once` of them, and the turn that
    follows.

    One with prompts is alone: what is made of a box depends, in its last bits, on how many threads work.
    """
    group: list[Turn] = []
    for number, step in turns:
        joins = group and step.visit == group[0][1].visit and number not in {n for n, _ in group}
        joins = joins and not (step.prompted or group[0][1].prompted)
        if group and not (joins and len(group) < at_once()):
            yield group, (number, step)
            group = []
        group.append((number, step))
    if group:
        yield group, None


def _decoded_together(
    runtime: Runtime[FeaturesT, ConditionedT, MemoryT],
    trackers: Sequence[SubjectTracker[FeaturesT, ConditionedT, MemoryT]],
    turns: list[Turn],
    meanwhile: Callable[[], None],
) -> dict[int, tuple[Waiting[MemoryT], Decoded]]:
    """The answers for those subjects that can be decoded with others, by their numbers."""
    by_size: dict[tuple[int, int], dict[int, Waiting[MemoryT]]] = {}
    for number, step in turns:
        waiting = trackers[number].waiting(step)
        if waiting is not None:
            by_size.setdefault(waiting.bank.size, {})[number] = waiting
    answers: dict[int, tuple[Waiting[MemoryT], Decoded]] = {}
    for left, group in zip(reversed(range(len(by_size))), by_size.values(), strict=True):
        features = trackers[next(iter(group))].features(turns[0][1])
        banks = [waiting.bank for waiting in group.values()]
        decoded = runtime.decode_together(features, banks, None if left else meanwhile)
        answers |= dict(zip(group, zip(group.values(), decoded, strict=True), strict=True))
    return answers
