# SPDX-License-Identifier: GPL-3.0-or-later
"""Cubic Bezier splines through closed polygons.

P. J. Schneider, "An Algorithm for Automatically Fitting Digitized Curves", Graphics Gems, 1990: least squares
with given tangents, the points' parameters bettered by Newton's method, split where it is farthest off.
Corners are found first and stay corners.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]

BETTERED = 4
"""How often parameters are bettered before a piece is split."""

HOPELESS = 16.0
"""Pieces whose squared error is so many times that allowed are split at once."""

SHORTEST_ARM = 3.0
"""Pixels on either side of a point over which its turn is measured: less are steps of pixels."""

TANGENT_POINTS = 4
"""From a corner so many points tell the direction: the first ones are cut off with its tip."""

CORNER = np.deg2rad(50)
"""Turns of more are corners."""


@dataclass(frozen=True)
class Spline:
    """A closed cubic spline. `points`, `left` and `right` are (n, 2): the knots, and the handles before and
    after each, in x, y."""

    points: Points
    left: Points
    right: Points

    def pieces(self) -> Points:
        """(n, 4, 2) the control points from each knot to the next."""
        after = np.roll(np.arange(len(self.points)), -1)
        return np.stack([self.points, self.right, self.left[after], self.points[after]], axis=1)

    def polygon(self, steps: int = 16) -> Points:
        """(n * steps, 2) points on it."""
        at = np.linspace(0, 1, steps, endpoint=False)
        return np.concatenate([_on(piece, at) for piece in self.pieces()])


def fitted(polygon: Points, tolerance: float) -> Spline:
    """The spline within `tolerance` of all points (n, 2) of a closed polygon."""
    points = _distinct(np.asarray(polygon, np.float64))
    if len(points) < 4:
        return Spline(points, points, points)
    corners = _corners(points, max(SHORTEST_ARM, 2 * tolerance))
    # One that has no corner is cut where its ends meet smoothly.
    starts = corners or [0]
    points = np.roll(points, -starts[0], axis=0)
    ends = [start - starts[0] for start in starts[1:]] + [len(points)]
    closed = np.concatenate([points, points[:1]])
    pieces: list[Points] = []
    first = 0
    for end in ends:
        part = closed[first : end + 1]
        if corners:
            before, after = _tangent(part), _tangent(part[::-1])
        else:
            before = _unit(points[1] - points[-1])
            after = -before
        _fit(part, before, after, tolerance**2, pieces)
        first = end
    control = np.array(pieces)
    return Spline(control[:, 0], np.roll(control[:, 2], 1, axis=0), control[:, 1])


def _distinct(points: Points) -> Points:
    """Without those that lie on the one before."""
    found: Points = points[np.abs(points - np.roll(points, 1, axis=0)).max(axis=1) > 1e-9]
    return found


def _corners(points: Points, arm: float) -> list[int]:
    """Where the polygon turns sharply, seen over `arm` either way: the sharpest point of each stretch."""
    count = len(points)
    lengths = np.linalg.norm(np.roll(points, -1, axis=0) - points, axis=1)
    total = lengths.sum()
    if total < 4 * arm:
        return []
    along = np.concatenate([[0], np.cumsum(lengths)])
    wrapped = np.concatenate([along[:-1] - total, along[:-1], along[:-1] + total])
    thrice = np.concatenate([points] * 3)
    ahead, behind = (
        np.stack([np.interp(along[:-1] + by, wrapped, thrice[:, n]) for n in range(2)], axis=-1)
        for by in (arm, -arm)
    )
    one, two = points - behind, ahead - points
    cross, dot = one[:, 0] * two[:, 1] - one[:, 1] * two[:, 0], (one * two).sum(axis=1)
    turn = np.abs(np.arctan2(cross, dot))
    found: list[int] = []
    for n in np.argsort(-turn, kind="stable"):
        if turn[n] <= CORNER:
            break
        apart = np.abs(along[found] - along[n])
        if (np.minimum(apart, total - apart) > arm).all():
            found.append(int(n))
    return sorted(found) if count > 3 else []


def _fit(points: Points, before: Points, after: Points, allowed: float, pieces: list[Points]) -> None:
    """Append cubics (4, 2) through points; `before` and `after` are unit tangents at the ends, inward."""
    if len(points) == 2:
        third = np.linalg.norm(points[1] - points[0]) / 3
        pieces.append(np.array([points[0], points[0] + before * third, points[1] + after * third, points[1]]))
        return
    at = _by_length(points)
    cubic = _least_squares(points, at, before, after)
    error, worst = _farthest(points, cubic, at)
    for _ in range(BETTERED if error < allowed * HOPELESS else 0):
        if error <= allowed:
            break
        at = _bettered(points, cubic, at)
        cubic = _least_squares(points, at, before, after)
        error, worst = _farthest(points, cubic, at)
    if error <= allowed:
        pieces.append(cubic)
        return
    middle = _unit(points[worst - 1] - points[worst + 1])
    _fit(points[: worst + 1], before, middle, allowed, pieces)
    _fit(points[worst:], -middle, after, allowed, pieces)


def _by_length(points: Points) -> Points:
    """Parameters 0..1 by how far along the points are."""
    along: Points = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    fractions: Points = along / along[-1]
    return fractions


def _least_squares(points: Points, at: Points, before: Points, after: Points) -> Points:
    """The cubic between the end points with these tangents that comes nearest the points at parameters."""
    start, end = points[0], points[-1]
    one, two = 3 * at * (1 - at) ** 2, 3 * at**2 * (1 - at)
    first, last = one[:, None] * before, two[:, None] * after
    rest = points - ((1 - at) ** 3 + one)[:, None] * start - (two + at**3)[:, None] * end
    a, b, c = (first * first).sum(), (first * last).sum(), (last * last).sum()
    x, y = (first * rest).sum(), (last * rest).sum()
    determinant = a * c - b * b
    length = float(np.linalg.norm(end - start))
    alphas = np.array([c * x - b * y, a * y - b * x]) / determinant if determinant > 1e-12 * a * c else None
    # Handles that point outward, or nowhere: a third of the way is a fair guess then.
    if alphas is None or alphas.min() < 1e-6 * length or alphas.max() > _along(points):
        alphas = np.full(2, length / 3)
    return np.array([start, start + before * alphas[0], end + after * alphas[1], end])


def _along(points: Points) -> float:
    return float(np.linalg.norm(np.diff(points, axis=0), axis=1).sum())


def _farthest(points: Points, cubic: Points, at: Points) -> tuple[float, int]:
    """The largest squared distance of a point within, and which has it."""
    off = ((_on(cubic, at) - points) ** 2).sum(axis=1)[1:-1]
    worst = int(off.argmax())
    return float(off[worst]), worst + 1


def _bettered(points: Points, cubic: Points, at: Points) -> Points:
    """Parameters of where the cubic comes nearest to each point, one step of Newton's method nearer."""
    first, second = 3 * np.diff(cubic, axis=0), 6 * np.diff(cubic, 2, axis=0)
    s = 1 - at[:, None]
    t = at[:, None]
    off = _on(cubic, at) - points
    slope = s**2 * first[0] + 2 * s * t * first[1] + t**2 * first[2]
    bend = s * second[0] + t * second[1]
    numerator = (off * slope).sum(axis=1)
    denominator = (slope * slope).sum(axis=1) + (off * bend).sum(axis=1)
    step = np.divide(numerator, denominator, out=np.zeros_like(at), where=np.abs(denominator) > 1e-12)
    return np.maximum.accumulate((at - step).clip(0, 1))


def _on(cubic: Points, at: Points) -> Points:
    s, t = 1 - at[:, None], at[:, None]
    found: Points = s**3 * cubic[0] + 3 * s**2 * t * cubic[1] + 3 * s * t**2 * cubic[2] + t**3 * cubic[3]
    return found


def _tangent(points: Points) -> Points:
    """The unit vector from the first point to where the piece goes from there."""
    reach = min(TANGENT_POINTS, len(points) - 1)
    return _unit(points[reach] - points[0])


def _unit(vector: Points) -> Points:
    length = np.linalg.norm(vector)
    return vector / length if length > 0 else np.array([1.0, 0.0])
