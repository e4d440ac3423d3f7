# SPDX-License-Identifier: GPL-3.0-or-later
"""What steadying could reach at best: along true motion, as Cycles has it, believing what is right alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.matte_errors import Matte, dtssd
from benchmarks.mattes.renders import CELLS, chattering, clips, frames
from benchmarks.mattes.steps import GUIDED, SOLVED, made
from benchmarks.renders.clips import KINDS, MOTION, RenderedClip, is_rendered, motion
from rotopoint.mattes.temporal import TIMES

Places = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Where on another frame each pixel comes from: x and y (H, W)."""

RIGHT = 0.1
"""True alpha that a neighbor is off by at most, moved, where it is believed by one who knows the truth."""

SPREADS = (1, 2, 4, 8, 16, 32, 64)
"""Pixels, standard deviations: about the subject motion is that of what is near."""


def report_ceiling() -> Iterator[str]:
    yield "## Renders, steadied along true motion by one who knows true alpha: what could be reached at best"
    yield f"\nOf chattering logits, {CELLS[1]} cells across; all neighbors believed, and those alone whose"
    yield f"true alpha, moved, is off by {RIGHT} at most. Motion: `benchmarks.renders --motion`.\n"
    yield "| | dtSSD, all | right alone | SAD, all | right alone | true alpha loses, all, % | right alone |"
    yield "|---|---:|---:|---:|---:|---:|---:|"
    for clip in (c for c in clips() if is_rendered(c, kinds=(*KINDS, MOTION))):
        found = frames(clip)
        truth = [frame.alpha for frame in found]
        places = moved_places(clip, truth[0].shape)
        logits = chattering(truth, clip.seed)
        mattes = [made(f.plate, small)[0] for f, small in zip(found, logits, strict=True)]
        group = "held out" if clip.held_out else "tuned on"
        for name in (GUIDED, SOLVED):
            own = [m[name] for m in mattes]
            row = [f"{clip.name} ({group}), {name}"]
            steady = [along(own, truth, places, off) for off in (1.0, RIGHT)]
            kept = [along(truth, truth, places, off) for off in (1.0, RIGHT)]
            row += [f"{dtssd(s, truth) / dtssd(own, truth):.2f}" for s in steady]
            row += [f"{_sad(s, truth) / _sad(own, truth):.2f}" for s in steady]
            row += [f"{100 * _sad(k, truth) / float(np.sum(truth)):.2f}" for k in kept]
            yield f"| {' | '.join(row)} |"


def along(
    mattes: Sequence[Matte],
    truth: Sequence[Matte],
    places: Callable[[int, int], Places],
    most: float,
) -> list[Matte]:
    """Each matte as the mean of itself and its neighbors in time, where these are right to `most`."""
    found = []
    for n, matte in enumerate(mattes):
        change, total = np.zeros_like(matte), np.ones_like(matte)
        for time in (t for t in TIMES if 0 <= n + t < len(mattes)):
            x, y = places(n, time)
            say = np.abs(_from(truth[n + time], x, y) - truth[n]) <= most
            say &= (x >= 0) & (x <= matte.shape[1] - 1) & (y >= 0) & (y <= matte.shape[0] - 1)
            change += say * (_from(mattes[n + time], x, y) - matte)
            total += say
        found.append(np.clip(matte + change / total, 0, 1))
    return found


def moved_places(clip: RenderedClip, shape: tuple[int, ...]) -> Callable[[int, int], Places]:
    """Where on the frame so much later each pixel of a frame (counted from 0) comes from, step by step."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    vectors = [tuple(_everywhere(part) for part in motion(clip, n + 1)) for n in range(clip.frames)]

    def places(frame: int, time: int) -> Places:
        step, at_x, at_y = (1 if time > 0 else -1), x, y
        for n in range(frame, frame + time, step):
            moved = _from(vectors[n][time > 0], at_x, at_y)
            at_x, at_y = at_x + moved[..., 0], at_y + moved[..., 1]
        return at_x, at_y

    return places


def _everywhere(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Motion (H, W, 2), of no number where the subject is not, spread about it."""
    known = ~np.isnan(vectors[..., 0])
    result = np.where(known[..., None], vectors, np.float32(0))
    start, weight, left = result.copy(), known.astype(np.float32), ~known
    for spread in SPREADS:
        near = cv2.GaussianBlur(weight, (0, 0), spread)
        sums = cv2.GaussianBlur(start, (0, 0), spread)
        now = left & (near > 0.02)
        result[now] = sums[now] / near[now][:, None]
        left &= ~now
    return result


def _from(values: NDArray[np.float32], x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.float32]:
    found = cv2.remap(values, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found, np.float32)


def _sad(mattes: Sequence[Matte], truth: Sequence[Matte]) -> float:
    return float(np.abs(np.stack(mattes) - np.stack(truth)).sum())
