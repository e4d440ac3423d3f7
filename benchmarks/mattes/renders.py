# SPDX-License-Identifier: GPL-3.0-or-later
"""Our own renders, of which alpha and color are exact: each step's errors, in one frame and in time.

Nothing is chosen on the clips that are held out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

import cv2
import numpy as np

from benchmarks.matte_errors import Matte
from benchmarks.mattes.steady import STEADY_HEAD, steady_row
from benchmarks.mattes.steps import GUIDED, SOLVED, THRESHOLDED, Picture, error_table, logits_of, made
from benchmarks.renders.clips import CLIPS, Frame, RenderedClip, is_rendered, rendered
from rotopoint.mattes.foreground import foreground

CELLS = (96, 64)
"""Samples across a picture of 480 pixels: those of the draft model; and as many as make a cell of it as large
as one of SAM 2.1's is in a clip of 1920."""

STEP = 5
"""Every so many frames are measured alone: those between look alike."""

CHATTER = 1.4
"""Pixels, standard deviation, that an edge is off in chattering logits, another way in each frame."""


def clips() -> list[RenderedClip]:
    return [clip for clip in CLIPS if is_rendered(clip)]


@lru_cache(maxsize=2)
def frames(clip: RenderedClip) -> list[Frame]:
    return list(rendered(clip))


def groups() -> list[tuple[str, list[RenderedClip]]]:
    """Clips that defaults may be chosen on, and those that are held out, each with a title."""
    found = clips()
    chosen = {"tuned on": [c for c in found if not c.held_out], "held out": [c for c in found if c.held_out]}
    return [(f"{' and '.join(c.name for c in g)} ({title})", g) for title, g in chosen.items() if g]


def report_renders() -> Iterator[str]:
    yield "## Renders: errors in the unknown band, and SAD of the whole picture"
    for cells in CELLS:
        for title, group in groups():
            some = [f for clip in group for f in frames(clip)[::STEP]]
            yield from error_table(
                f"{len(some)} frames of {title}", [Picture(f.plate, f.alpha) for f in some], cells
            )


def report_render_color() -> Iterator[str]:
    """What a cut-out is made of, in linear light, against the subject as it was rendered alone."""
    yield "## Renders: errors of color in the band, linear light, 0..1"
    yield "\nOf color times true alpha, and of the cut-out: color times the matte's own alpha.\n"
    yield "| clips | matte | plate's color | estimated | ratio | cut-out, plate's color | estimated | ratio |"
    yield "|---|---|---:|---:|---:|---:|---:|---:|"
    for title, group in groups():
        rows: dict[str, list[tuple[float, ...]]] = {}
        for frame in (f for clip in group for f in frames(clip)[::STEP]):
            mattes, _ = made(frame.plate, logits_of(frame.alpha, CELLS[1]))
            mattes["true alpha"] = frame.alpha
            for name in ("true alpha", SOLVED, GUIDED, THRESHOLDED):
                rows.setdefault(name, []).append(color_errors(frame, mattes[name]))
        for name, found in rows.items():
            plate, own, cut, own_cut = np.mean(found, axis=0)
            yield (
                f"| {title} | {name} | {plate:.4f} | {own:.4f} | {own / plate:.2f} "
                f"| {cut:.4f} | {own_cut:.4f} | {own_cut / cut:.2f} |"
            )


def color_errors(frame: Frame, matte: Matte) -> tuple[float, float, float, float]:
    """Mean errors where true alpha is neither 0 nor 1, of the plate's color and of that which is estimated
    under a matte: times true alpha, and as premultiplied by the matte."""
    alpha, own = frame.alpha[..., None], matte[..., None]
    band = (frame.alpha > 0) & (frame.alpha < 1)
    estimated = foreground(frame.light, matte)
    weighed = [np.abs(alpha * (color - frame.color))[band].mean() for color in (frame.light, estimated)]
    cut = [np.abs(own * color - frame.front[..., :3])[band].mean() for color in (frame.light, estimated)]
    return float(weighed[0]), float(weighed[1]), float(cut[0]), float(cut[1])


def report_render_time() -> Iterator[str]:
    yield "## Renders, steadied in time: mattes of logits 64 cells across, of each frame by itself"
    yield STEADY_HEAD
    for clip in clips():
        found = frames(clip)
        truth, plates = [f.alpha for f in found], [f.plate for f in found]
        group = "held out" if clip.held_out else "tuned on"
        for title, logits in (
            ("true logits", [logits_of(alpha, CELLS[1]) for alpha in truth]),
            ("chattering", chattering(truth, clip.seed)),
        ):
            mattes = [made(plate, small)[0] for plate, small in zip(plates, logits, strict=True)]
            for name in (GUIDED, SOLVED):
                row = f"{clip.name} ({group}), {title}, {name}"
                yield steady_row(row, truth, plates, [m[name] for m in mattes])


def chattering(truth: Sequence[Matte], seed: int) -> list[Matte]:
    """Logits whose edges are off by CHATTER pixels, each frame in its own way, as a tracker's are."""
    random = np.random.default_rng(seed)
    height, width = truth[0].shape
    y, x = np.mgrid[:height, :width].astype(np.float32)
    # Smoothed by so much, noise has this part of its standard deviation.
    smooth = 8.0
    strength = CHATTER * 2 * np.sqrt(np.pi) * smooth
    found = []
    for alpha in truth:
        noise = random.normal(0, strength, (height, width, 2)).astype(np.float32)
        off = cv2.GaussianBlur(noise, (0, 0), smooth)
        places = (x + off[..., 0], y + off[..., 1])
        moved = cv2.remap(alpha, *places, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        found.append(logits_of(moved, CELLS[1]))
    return found
