# SPDX-License-Identifier: GPL-3.0-or-later
"""A subject's confidence over time as a drawing in SVG."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from xml.etree.ElementTree import Element

from rotopoint.report.contents import WEAK, FrameFact
from rotopoint.report.markup import element

WIDTH, HEIGHT = 1000.0, 116.0
LEFT, RIGHT, TOP, BOTTOM = 30.0, 8.0, 8.0, 28.0
"""Margins: room for the axes' numbers."""

MOST_POINTS = 1000
"""Of longer clips each point of the line is the least of several frames."""

PROMPT_SIZE = 5.0


def confidence_curve(facts: Sequence[FrameFact]) -> Element:
    """An `svg` of frames, ascending: the line breaks where nothing is known.

    Stripes are frames on which the subject is absent, bands those that are approved, triangles prompts, dots
    frames under WEAK; each says its frame where one points at it.
    """
    return element(
        "svg",
        {"viewBox": f"0 0 {WIDTH:g} {HEIGHT:g}", "class": "curve", "role": "img"},
        element("title", {}, _summary(facts)),
        *_axes(facts),
        *_ranges((f for f in facts if f.absent), facts, "absent"),
        *_ranges((f for f in facts if f.approved), facts, "approved"),
        *_lines(facts),
        *(_dot(fact, facts) for fact in facts if fact.weak),
        *(_triangle(fact, facts) for fact in facts if fact.prompted),
    )


def _summary(facts: Sequence[FrameFact]) -> str:
    weak = sum(fact.weak for fact in facts)
    return f"Confidence on the frames {facts[0].frame} to {facts[-1].frame}; {weak} under {WEAK:g}"


def _x(frame: int, facts: Sequence[FrameFact]) -> float:
    """The middle of a frame's column."""
    return LEFT + (frame - facts[0].frame + 0.5) * _column(facts)


def _column(facts: Sequence[FrameFact]) -> float:
    return (WIDTH - LEFT - RIGHT) / (facts[-1].frame - facts[0].frame + 1)


def _y(confidence: float) -> float:
    return TOP + (1 - confidence) * (HEIGHT - TOP - BOTTOM)


def _axes(facts: Sequence[FrameFact]) -> Iterator[Element]:
    for value, kind in ((0.0, "axis"), (WEAK, "limit"), (1.0, "axis")):
        ends = {
            "x1": f"{LEFT:g}",
            "x2": f"{WIDTH - RIGHT:g}",
            "y1": f"{_y(value):.1f}",
            "y2": f"{_y(value):.1f}",
        }
        yield element("line", {**ends, "class": kind})
        place = {"x": f"{LEFT - 6:g}", "y": f"{_y(value) + 4:.1f}", "class": "value"}
        yield element("text", place, f"{value:g}")
    first, last = facts[0].frame, facts[-1].frame
    step = max(1, _round_step((last - first) / 8))
    inner = (
        n
        for n in range(first + step - first % step, last, step)
        if step / 2 < n - first < last - first - step / 2
    )
    for frame in dict.fromkeys((first, *inner, last)):
        place = {"x": f"{_x(frame, facts):.1f}", "y": f"{HEIGHT - 4:g}", "class": "frame"}
        yield element("text", place, str(frame))


def _round_step(least: float) -> int:
    """The next of 1, 2, 5, 10, 20 and so on."""
    step = 1
    while True:
        for factor in (1, 2, 5):
            if step * factor >= least:
                return step * factor
        step *= 10


def _ranges(marked: Iterable[FrameFact], facts: Sequence[FrameFact], kind: str) -> Iterator[Element]:
    for first, last in _runs(fact.frame for fact in marked):
        column = _column(facts)
        place = {
            "x": f"{_x(first, facts) - column / 2:.1f}",
            "y": f"{TOP:g}" if kind == "absent" else f"{_y(0):g}",
            "width": f"{(last - first + 1) * column:.1f}",
            "height": f"{HEIGHT - TOP - BOTTOM:g}" if kind == "absent" else "5",
        }
        said = f"{kind} on {first}" if first == last else f"{kind} on {first} to {last}"
        yield element("rect", {**place, "class": kind}, element("title", {}, said))


def _runs(frames: Iterable[int]) -> Iterator[tuple[int, int]]:
    """First and last of frames without a gap."""
    for _, run in groupby(enumerate(frames), key=lambda pair: pair[1] - pair[0]):
        members = [frame for _, frame in run]
        yield members[0], members[-1]


def _lines(facts: Sequence[FrameFact]) -> Iterator[Element]:
    """A line through each stretch of tracked frames that are known."""
    at_once = -(-len(facts) // MOST_POINTS)
    tracked = [f for f in facts if f.confidence is not None and not f.absent]
    for first, last in _runs(fact.frame for fact in tracked):
        stretch = [f for f in tracked if first <= f.frame <= last]
        parts = (stretch[n : n + at_once] for n in range(0, len(stretch), at_once))
        least = [min(part, key=lambda fact: fact.confidence or 0.0) for part in parts]
        points = [f"{_x(f.frame, facts):.1f},{_y(f.confidence or 0.0):.1f}" for f in least]
        if len(points) == 1:
            x, y = points[0].split(",")
            yield element("circle", {"cx": x, "cy": y, "r": "2", "class": "alone"})
        else:
            yield element("polyline", {"points": " ".join(points), "class": "line"})


def _dot(fact: FrameFact, facts: Sequence[FrameFact]) -> Element:
    place = {"cx": f"{_x(fact.frame, facts):.1f}", "cy": f"{_y(fact.confidence or 0.0):.1f}", "r": "3"}
    said = f"frame {fact.frame}: {fact.confidence:.2f}"
    return element("circle", {**place, "class": "weak"}, element("title", {}, said))


def _triangle(fact: FrameFact, facts: Sequence[FrameFact]) -> Element:
    x, y, size = _x(fact.frame, facts), _y(0), PROMPT_SIZE
    points = f"{x - size:.1f},{y + 2 * size:.1f} {x + size:.1f},{y + 2 * size:.1f} {x:.1f},{y + 1:.1f}"
    said = element("title", {}, f"prompt on frame {fact.frame}")
    return element("polygon", {"points": points, "class": "prompt"}, said)
