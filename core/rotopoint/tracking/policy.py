# SPDX-License-Identifier: GPL-3.0-or-later
"""Policies: in what order a subject's pictures are visited, and which memories each one sees.

A policy turns what was asked into steps, and knows neither pictures nor model weights. Positions count
the pictures that a clip shows, from 0.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from rotopoint.errors import PolicyUnknown
from rotopoint.store import Record
from rotopoint.tracking.runtime import ModelShape

CLOSEST_PROMPTED = 8
"""Prompted pictures that policy `forward` attends to at once, so that many corrections stay affordable."""

LOOK_BACK = 64
"""Pictures among which policy `selective` chooses."""

CLICKS_HEEDED = "what was tracked, refined in two close-ups that were learned, both ways; passed on by itself"
"""Part of what names a track with points, of policies that obey these: another word where answers to the same
clicks become others."""

EVERY = 5
"""Pictures between the memories that policy `selective` chooses, as in DAM4SAM."""

SURE_IOU = 0.8
SURE_RATIO = 1.4
"""From which predicted IoU, and up to which ratio of areas, policy `selective` takes a mask for sure."""


class Address(NamedTuple):
    """Names a record: that of a picture in the pass from a prompted picture, `start`.

    The pass runs forward where `position` is after `start`, else backward; where the two are equal it
    is the prompted picture itself.
    """

    start: int
    position: int

    @property
    def backward(self) -> bool:
        return self.position < self.start


@dataclass(frozen=True)
class Asked:
    """What is asked of a subject, in positions.

    `prompted` is ascending and not empty; `masked` are those of it whose mask is given, and `absent`
    those where the subject is said not to be.
    """

    prompted: tuple[int, ...]
    masked: frozenset[int] = frozenset()
    absent: frozenset[int] = frozenset()

    @property
    def root(self) -> int:
        """The earliest prompted position: it starts without memory."""
        return self.prompted[0]

    def is_prompted(self, position: int) -> bool:
        at = bisect_left(self.prompted, position)
        return at < len(self.prompted) and self.prompted[at] == position


class Recent(NamedTuple):
    """A memory of a picture without prompts; `age` counts from 1, the nearest."""

    address: Address
    age: int


@dataclass(frozen=True)
class Step:
    """One record to make, and what it is decoded on.

    `attends` are prompted pictures, `recent` others whose memories are seen, `pointers` those whose
    object pointers are; a step that attends to nothing starts a track. `prompted`: the picture's prompts
    go in. `corrects` is an earlier answer on the picture that they correct. `due`: how far forward
    passes have come when it is this step's turn. The result of a step with `leads_to` only serves that
    prompted picture, and is not kept. `completes`: no later step has a say in what is taken for the
    picture. `where_unseen` is decoded in its place where the prompted picture of its pass shows nothing.
    """

    address: Address
    sweep: int = 0
    due: int = 0
    prompted: bool = False
    attends: tuple[Address, ...] = ()
    recent: tuple[Recent, ...] = ()
    pointers: tuple[Address, ...] = ()
    corrects: Address | None = None
    leads_to: int | None = None
    completes: bool = False
    where_unseen: Step | None = None

    @property
    def position(self) -> int:
        return self.address.position

    @property
    def needs(self) -> frozenset[Address]:
        """The records that must be there before."""
        corrected = () if self.corrects is None else (self.corrects,)
        instead = () if self.where_unseen is None else self.where_unseen.needs
        return frozenset(
            (*self.attends, *(r.address for r in self.recent), *self.pointers, *corrected, *instead)
        )

    @property
    def visit(self) -> tuple[int, int, bool, int]:
        """The same where several subjects come to a picture at one time."""
        backward = self.address.backward
        return (self.sweep, self.due, backward, -self.position if backward else self.position)

    @property
    def order(self) -> tuple[int, int, bool, int, int]:
        """Steps of several subjects are run in this order, so that they share a picture's features."""
        return (*self.visit, self.address.start)


GetRecord = Callable[[Address], Record | None]

Remember = Callable[[Step, GetRecord, ModelShape], Step]


@dataclass(frozen=True)
class Policy:
    """A named rule.

    `steps(asked, first, last, shape)` makes all records that the positions `first` to `last` need.
    `influence(asked, address)` names the prompted positions that a record depends on.
    `passes(asked, position)` are the prompted positions whose passes have a say in a picture, the
    earlier first. `one_pass`: later prompted pictures are part of the pass from the earliest.
    `remembers` lets a step see other memories than the nearest, by what records say. `calibrates`: first
    prompts are answered, and prompted frames remembered, as the checkpoint's `Calibration` says.
    `obeys`: answers that contradict their clicks are turned into what was asked, see `refinement`.
    `logit_type` is how records keep logits.
    """

    name: str
    logit_type: str
    steps: Callable[[Asked, int, int, ModelShape], Iterator[Step]]
    influence: Callable[[Asked, Address], tuple[int, ...]]
    passes: Callable[[Asked, int], tuple[int, ...]]
    one_pass: bool = False
    remembers: Remember | None = None
    calibrates: bool = True
    obeys: bool = True

    def clicks_heeded(self, asked: Asked, influence: Sequence[int]) -> str | None:
        """How clicks are heeded in a record that depends on these prompted positions; None where none are."""
        return CLICKS_HEEDED if self.obeys and not asked.masked.issuperset(influence) else None


def _recent(
    asked: Asked, start: int, position: int, count: int, skipped: Container[int] = ()
) -> tuple[Recent, ...]:
    """Up to `count` records next to `position` in the pass from `start`, nearest first, without `start`.

    Absent pictures leave no gap: what was seen before them moves up. Those `skipped` do, as upstream
    has it.
    """
    way = range(position - 1, start, -1) if start < position else range(position + 1, start)
    seen = [p for p, _ in zip((p for p in way if p not in asked.absent), range(count), strict=False)]
    return tuple(Recent(Address(start, p), age) for age, p in enumerate(seen, start=1) if p not in skipped)


def _decoded(
    asked: Asked,
    address: Address,
    attends: tuple[int, ...],
    shape: ModelShape,
    *,
    start: int | None = None,
    skipped: Container[int] = (),
) -> Step:
    """A record that goes on from the pass from `start`, by default its own."""
    start = address.start if start is None else start
    position = address.position
    seen = _recent(asked, start, position, max(shape.memory_count, shape.pointer_count) - 1, skipped)
    memories, pointers = (
        tuple(r for r in seen if r.age < count) for count in (shape.memory_count, shape.pointer_count)
    )
    prompted = tuple(Address(p, p) for p in attends)
    # On the way here, a pass has met those on the side of its start.
    met = tuple(
        a for a in prompted if (a.position >= position if start > position else a.position <= position)
    )
    return Step(
        address,
        due=max(start, position),
        attends=prompted,
        recent=memories,
        pointers=met + tuple(r.address for r in pointers),
    )


class _Span(NamedTuple):
    """The pictures from one prompted picture to the next, or to where nothing more is asked."""

    left: int
    right: int | None
    stop: int
    """The last picture before `right`."""
    wanted: bool
    """Whether any picture between the two is asked for."""

    @classmethod
    def of(cls, left: int, right: int | None, first: int, last: int) -> _Span:
        stop = last if right is None else right - 1
        return cls(left, right, stop, max(first, left + 1) <= min(last, stop))


def default_steps(asked: Asked, first: int, last: int, shape: ModelShape) -> Iterator[Step]:
    """Between two prompted pictures a pass from either side; outside of them the one there is.

    A later prompt is decoded on the memory of the pass from the earliest one, which goes on beneath the
    others, so that none depends on a third. A pass attends to its own prompted picture and, where the
    earliest has a given mask and its own has none, to that too: an answer to points may lack just what a
    correction brought, and would take it away again. Where a correction leaves nothing of the subject, the
    earliest is all that knows it.
    """
    root = asked.root
    ends = (*asked.prompted[1:], None)
    spans = [_Span.of(left, right, first, last) for left, right in zip(asked.prompted, ends, strict=True)]
    needed = {p for s in spans if s.wanted for p in (s.left, s.right)}
    needed |= {p for p in asked.prompted if first <= p <= last}
    beneath = max([root, *(p - 1 for p in needed - asked.masked if p is not None and p > root)])

    def decoded(start: int, position: int) -> Step:
        address = Address(start, position)
        attends, origins = _attended(asked, start), default_influence(asked, address)
        step = _decoded(asked, address, attends, shape)
        return (
            step
            if attends == origins
            else replace(step, where_unseen=_decoded(asked, address, origins, shape))
        )

    yield Step(Address(root, root), due=root, prompted=True, completes=True)
    for left, right, stop, wanted in spans:
        for position in range(left + 1, max(stop if wanted else left, min(stop, beneath)) + 1):
            if position in asked.absent:
                continue
            if left == root:
                yield replace(decoded(root, position), completes=right is None)
                continue
            if position <= beneath:
                yield decoded(root, position)
            if wanted:
                yield replace(decoded(left, position), completes=right is None)
        if right is None:
            break
        if right <= beneath:
            yield decoded(root, right)
        if right in asked.masked and right in needed:
            yield Step(Address(right, right), due=right, prompted=True, completes=True)
        elif right in needed:
            step = _decoded(asked, Address(right, right), (root,), shape, start=root)
            yield replace(step, prompted=True, completes=True)
        for position in range(right - 1, left, -1) if wanted else ():
            if position not in asked.absent:
                yield replace(decoded(right, position), completes=True)
    for position in range(root - 1, first - 1, -1):
        if position not in asked.absent:
            yield replace(decoded(root, position), sweep=1, completes=True)


def _attended(asked: Asked, start: int) -> tuple[int, ...]:
    """The prompted pictures that a pass has in sight all the way, as long as its own shows the subject."""
    keeps_earliest = asked.root in asked.masked and start not in asked.masked
    return (asked.root, start) if keeps_earliest else (start,)


def known_by(step: Step, get: GetRecord) -> Step:
    """The step, or that which is to be decoded in its place: a click may say no more than where the subject
    is not, and what it leaves then shows nothing that could be followed."""
    if step.where_unseen is None:
        return step
    prompted = get(Address(step.address.start, step.address.start))
    assert prompted is not None, f"{step.address} comes before the picture that its pass starts from"
    seen = prompted.present and bool((prompted.logits > 0).any())
    return step if seen else step.where_unseen


def default_influence(asked: Asked, address: Address) -> tuple[int, ...]:
    """The prompts that its pass starts from and the earliest ones; where a mask is given, that alone."""
    start = address.start
    return (start,) if start == asked.root or start in asked.masked else (asked.root, start)


def default_passes(asked: Asked, position: int) -> tuple[int, ...]:
    """The nearest on either side."""
    if asked.is_prompted(position):
        return (position,)
    at = bisect_left(asked.prompted, position)
    return asked.prompted[max(at - 1, 0) : at + 1]


def _closest_before(asked: Asked, position: int) -> tuple[int, ...]:
    """The nearest prompted positions before one, ascending; the earliest stays: it starts the track."""
    count = bisect_left(asked.prompted, position)
    if count <= CLOSEST_PROMPTED:
        return asked.prompted[:count]
    return (asked.root, *asked.prompted[count - CLOSEST_PROMPTED + 1 : count])


def forward_steps(asked: Asked, first: int, last: int, shape: ModelShape) -> Iterator[Step]:
    """One pass forward from the earliest prompted picture, then one backward from it.

    Going forward, each later prompted picture is decoded on the memory of the pass that reaches it.
    The backward pass sees the earliest prompted picture alone.
    """
    root, all_prompted = asked.root, frozenset(asked.prompted)
    yield Step(Address(root, root), due=root, prompted=True, completes=True)
    for position in range(root + 1, last + 1):
        if position in asked.absent:
            continue
        prompted = asked.is_prompted(position)
        address = Address(position if prompted else root, position)
        attends = _closest_before(asked, position)
        step = _decoded(asked, address, attends, shape, start=root, skipped=all_prompted)
        yield replace(step, prompted=prompted, completes=True)
    for position in range(root - 1, first - 1, -1):
        if position not in asked.absent:
            step = _decoded(asked, Address(root, position), (root,), shape)
            yield replace(step, sweep=1, completes=True)


def forward_influence(asked: Asked, address: Address) -> tuple[int, ...]:
    """Forward, the prompts up to a picture; backward, the earliest alone."""
    return tuple(p for p in asked.prompted if p <= max(address.position, asked.root))


def upstream_steps(asked: Asked, first: int, last: int, shape: ModelShape) -> Iterator[Step]:
    """What SAM2VideoPredictor does with `add_all_frames_to_correct_as_cond=true`, for parity.

    Its user's history is replayed: prompt the earliest picture, propagate, correct the next prompted
    picture upon what propagation gave there, propagate again, and so on; the last propagation gives
    the track, and sees all prompted pictures from its start. Backward is a pass of its own.
    """
    root = asked.root

    def decoded(position: int, known: tuple[int, ...], sweep: int) -> Step:
        step = _decoded(asked, Address(root, position), known, shape, skipped=known)
        return replace(step, sweep=sweep)

    yield Step(Address(root, root), due=root, prompted=True, completes=True)
    for sweep, target in enumerate(asked.prompted[1:], start=1):
        known = tuple(p for p in asked.prompted if p < target)
        for position in range(root + 1, target + 1):
            if position not in known and position not in asked.absent:
                yield replace(decoded(position, known, sweep), leads_to=target)
        yield replace(
            decoded(target, known, sweep),
            address=Address(target, target),
            corrects=Address(root, target),
            prompted=True,
            completes=True,
        )
    final_sweep = len(asked.prompted)
    for position in range(root + 1, last + 1):
        if position not in asked.prompted and position not in asked.absent:
            yield replace(decoded(position, asked.prompted, final_sweep), completes=True)
    for position in range(root - 1, first - 1, -1):
        if position not in asked.absent:
            yield replace(decoded(position, asked.prompted, final_sweep + 1), completes=True)


def upstream_influence(asked: Asked, address: Address) -> tuple[int, ...]:
    """Everything sees every prompt."""
    return asked.prompted


def select_memories(step: Step, get: GetRecord, shape: ModelShape) -> Step:
    """Memories chosen by what they hold, without retraining, in the spirit of DAM4SAM.

    Pictures on which the subject is not seen are left out; beside the nearest, recent memories are taken
    every EVERY pictures, so that they differ; and the latest picture that the model is sure of, as large
    as the subject was when prompted, is remembered like a prompted one, against what looks alike.
    J. Videnovic et al., "A Distractor-Aware Memory for Visual Object Tracking with SAM2", CVPR 2025.
    """
    if not step.recent:
        return step
    nearest = step.recent[0].address
    start = nearest.start
    way = range(nearest.position, start, 1 if start > nearest.position else -1)[:LOOK_BACK]
    found = [(a, r) for p in way if (r := get(a := Address(start, p))) is not None and r.present]
    if not found:
        return step
    spaced = [a for a, _ in found[1:] if a.position % EVERY == 0]
    recent = [found[0][0], *spaced][: max(shape.memory_count - 1, 0)]
    prompted = get(Address(start, start))
    sure = [
        a
        for a, record in found
        if abs(a.position - step.position) >= EVERY
        and record.predicted_iou > SURE_IOU
        and prompted is not None
        and _as_large(record, prompted)
    ]
    pointers = [a for a in step.pointers if a in step.attends]
    return replace(
        step,
        attends=(*step.attends, *sure[:1]),
        recent=tuple(Recent(a, age) for age, a in enumerate(recent, start=1)),
        pointers=(*pointers, *(a for a, _ in found[: shape.pointer_count - 1])),
    )


def _as_large(record: Record, other: Record) -> bool:
    area, reference = (int((r.logits > 0).sum()) for r in (record, other))
    return reference <= SURE_RATIO * area and area <= SURE_RATIO * reference


def root_pass(asked: Asked, position: int) -> tuple[int, ...]:
    """The pass from the earliest prompted picture, and the prompted pictures themselves."""
    return (position,) if asked.is_prompted(position) else (asked.root,)


POLICIES = (
    Policy("default", "float16", default_steps, default_influence, default_passes),
    Policy("forward", "float16", forward_steps, forward_influence, root_pass, one_pass=True),
    Policy(
        "selective",
        "float16",
        default_steps,
        default_influence,
        default_passes,
        remembers=select_memories,
    ),
    Policy(
        "upstream",
        "float32",
        upstream_steps,
        upstream_influence,
        root_pass,
        one_pass=True,
        calibrates=False,
        obeys=False,
    ),
)


def policy_named(name: str) -> Policy:
    """Raises PolicyUnknown."""
    for policy in POLICIES:
        if policy.name == name:
            return policy
    raise PolicyUnknown(name, tuple(p.name for p in POLICIES))
