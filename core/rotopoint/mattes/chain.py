# SPDX-License-Identifier: GPL-3.0-or-later
"""From logits to a matte: which operations, in which order. One line an operation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import reduce
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from rotopoint.mattes.alpha import agreed, drawn_known, solved, trimap
from rotopoint.mattes.bands import has_edge
from rotopoint.mattes.boundary import doubted, refined
from rotopoint.mattes.clean import keep_largest, keep_under, mend_border, remove_specks
from rotopoint.mattes.clicks import heeding
from rotopoint.mattes.combine import exclusive, held_in, held_out, shared, union, without
from rotopoint.mattes.coverage import coverage, hardened
from rotopoint.mattes.edge import contrasted, expanded, feathered, smoothed_outline
from rotopoint.mattes.foreground import foreground
from rotopoint.mattes.guided import snapped
from rotopoint.mattes.holes import fill_holes
from rotopoint.mattes.source import Combined, MatteSource
from rotopoint.mattes.temporal import TIMES, Neighbor, smoothed
from rotopoint.mattes.upsample import LARGEST_LOGIT, upsample
from rotopoint.shot import MatteEdge, MatteSettings

Plane: TypeAlias = NDArray[np.float32]
"""(height, width) of the picture."""

Operation: TypeAlias = Callable[[Plane, MatteSettings, MatteSource], Plane]
"""The plane as the operations before have left it, what is asked, and what the matte is made from. Where
nothing is asked of it, an operation gives back the plane itself, and asks the source for nothing."""

CoverageOperation: TypeAlias = Callable[[Plane, MatteSettings, MatteSource, Plane], Plane]
"""The same, with the logits (height, width) that coverage was made of."""

ON_LOGITS: tuple[Operation, ...] = (
    lambda logits, asked, source: (
        exclusive(logits, [logits_of(other) for other in source.others()]) if asked.exclusive else logits
    ),
)
"""On logits at the source's size, over 0 inside."""


def _with_alpha(matte: Plane, asked: MatteSettings, source: MatteSource, logits: Plane) -> Plane:
    if not (asked.alpha and has_edge(matte)):
        return matte
    return solved(_trimap(matte, source, logits), matte, source.plate(), between=source.between)


ON_COVERAGE: tuple[CoverageOperation, ...] = (
    lambda matte, asked, *_: fill_holes(matte, asked.largest_hole),
    lambda matte, asked, *_: remove_specks(matte, asked.largest_speck),
    lambda matte, asked, *_: keep_largest(matte, asked.parts),
    lambda matte, asked, source, _: (
        keep_under(matte, source.positive_points) if asked.prompted_parts else matte
    ),
    lambda matte, asked, *_: mend_border(matte, asked.border),
    lambda matte, asked, source, logits: (
        heeding(
            matte, snapped(matte, logits, source.plate(), source.cell, asked.snap), source.clicks_in(), 0.5
        )
        if asked.snap and has_edge(matte)
        else matte
    ),
    _with_alpha,
    lambda matte, asked, *_: hardened(matte) if asked.edge is MatteEdge.HARD else matte,
    lambda matte, asked, *_: smoothed_outline(matte, asked.smooth),
    lambda matte, asked, *_: expanded(matte, asked.expand),
    lambda matte, asked, *_: feathered(matte, asked.feather, asked.feather_side),
    lambda matte, asked, *_: contrasted(matte, asked.black_point, asked.white_point),
)
"""On coverage 0..1, of this frame alone."""

IN_TIME: tuple[Operation, ...] = (
    lambda matte, asked, source: (
        smoothed(matte, source.plate(), _neighbors(source), asked.steady) if asked.steady else matte
    ),
    lambda matte, asked, source: (
        shared(matte, [still_matte(other) for other in source.others()]) if asked.exclusive else matte
    ),
)
"""On coverage 0..1, beside that of frames before and after, which `still_matte` makes of the neighbors."""

ON_FINISHED: tuple[Callable[[Plane, Combined], Plane], ...] = (
    lambda matte, more: (
        union([matte, *united], exclusive=more.side_by_side) if (united := more.united()) else matte
    ),
    lambda matte, more: reduce(without, more.subtracted(), matte),
    lambda matte, more: reduce(held_out, more.garbage(), matte),
    lambda matte, more: reduce(held_in, more.hold_in(), matte),
)
"""On coverage 0..1 that all else is done with, beside finished mattes and drawn masks.

Coverage is combined and not logits: each subject comes in with the edge, the alpha and the steadiness that
it is delivered with, so what is taken from one and the other add up to what was there. What a person drew
stays to the pixel: nothing moves, feathers or smooths it. Where both were drawn the hold-in mask decides, as
in Blender's Keying node.
"""

Color: TypeAlias = NDArray[np.float32]
"""(height, width, 3) RGB of the picture."""

ON_COLOR: tuple[Callable[[Color, Plane, MatteSettings, MatteSource], Color], ...] = (
    lambda color, matte, asked, _: foreground(color, matte) if asked.decontaminate else color,
)
"""On the plate's light under the finished matte, which each is given: what is left is the subject's own."""


@dataclass(frozen=True)
class CutOut:
    """`coverage` (height, width) 0..1, and the subject's own `color` (height, width, 3), scene linear and
    straight: not multiplied by it. Where there is no coverage, any color may stand."""

    coverage: Plane
    color: Color


def logits_of(source: MatteSource) -> Plane:
    """The logits at the picture's size, over 0 inside; far below it where the record says nothing. Their
    boundary is refined by the plate as far as both the checkpoint and the settings want, and no click's
    place is taken from it."""
    region = source.region.within(source.size)
    coarse = source.logits.astype(np.float32, copy=False)
    part = upsample(coarse, region.size)
    if strength := source.boundary * source.settings.snap:
        better = refined(part, coarse, region.of(source.plate()), strength)
        part = heeding(part, better, source.clicks_in(region))
    if region.size == source.size:
        return part
    whole = np.full(source.size[::-1], -LARGEST_LOGIT, np.float32)
    region.of(whole)[...] = part
    return whole


def asked_logits(source: MatteSource) -> Plane:
    """The logits at the picture's size as the settings want them, over 0 inside."""
    logits = logits_of(source)
    for operation in ON_LOGITS:
        logits = operation(logits, source.settings, source)
    return logits


def trimap_of(source: MatteSource) -> Plane:
    """Where alpha is known of a frame: (height, width) of 0, 1 and `alpha.UNKNOWN`, just as it is solved with
    these settings, whether they ask for that or not. What the matte is combined with has no part in it, but
    for masks that a person drew: under their white it is known."""
    matte = _covered(source, ON_COVERAGE[: ON_COVERAGE.index(_with_alpha)])
    if not has_edge(matte):
        return (matte > 0.5).astype(np.float32)
    return _trimap(matte, source, asked_logits(source))


def _trimap(matte: Plane, source: MatteSource, logits: Plane) -> Plane:
    """Of a matte that is cleaned and lies on the plate's edges: as wide as the tracker is unsure there, or
    as is asked."""
    width = source.settings.trimap_width
    if width > 0:
        found = trimap(matte - np.float32(0.5), source.cell, width=width)
    else:
        if source.boundary:
            logits = doubted(asked_logits(replace(source, boundary=0.0)), logits)
        found = agreed(trimap(logits, source.cell, source.confidence()), matte)
    return drawn_known(found, source.combined.garbage(), source.combined.hold_in())


def _neighbors(source: MatteSource) -> list[Neighbor]:
    found = [source.neighbor(offset) for offset in TIMES]
    return [Neighbor(still_matte(other), other.plate()) for other in found if other is not None]


def still_matte(source: MatteSource) -> Plane:
    """The matte of a frame without a look at others: (height, width) coverage 0..1 in float32."""
    return _covered(source, ON_COVERAGE)


def _covered(source: MatteSource, operations: tuple[CoverageOperation, ...]) -> Plane:
    settings, region = source.settings, source.region.within(source.size)
    logits = asked_logits(source)
    matte = np.zeros_like(logits)
    # What the record does not cover makes no edge at its border.
    region.of(matte)[...] = coverage(region.of(logits), settings.edge)
    for operation in operations:
        matte = operation(matte, settings, source, logits)
    return matte


def make_matte(source: MatteSource) -> Plane:
    """The matte of a track record: (height, width) coverage 0..1 in float32.

    An absent subject, all logits far below zero, gives zeros. Raises what the source's plate raises, where
    it is asked.
    """
    matte = still_matte(source)
    for operation in IN_TIME:
        matte = operation(matte, source.settings, source)
    return combined(matte, source.combined)


def combined(matte: Plane, more: Combined) -> Plane:
    """A subject's finished matte (height, width) combined with others and with drawn masks; the very plane
    where there are none."""
    for operation in ON_FINISHED:
        matte = operation(matte, more)
    return matte


def make_cut_out(source: MatteSource) -> CutOut:
    """A matte with the color that the subject has under it. Raises what the source's plate raises."""
    matte = make_matte(source)
    return CutOut(matte, color_under(matte, source.light(), source))


def color_under(matte: Plane, plate: Color, source: MatteSource) -> Color:
    """The subject's own color on a plate (height, width, 3), under a matte that may be another than the
    source's own."""
    for operation in ON_COLOR:
        plate = operation(plate, matte, source.settings, source)
    return plate
