# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads mask files as people have them: coverage, shapes in alpha, label maps, colored palettes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from rotopoint.clip.image_file import REC709_LUMA, read_image
from rotopoint.errors import ClipNotFound, ClipUnreadable, MaskEmpty, MaskUnreadable

MOST_LABELS = 64
"""So many values a label map has at most; a soft mask has more."""

NEARLY_GRAY = 8 / 255
"""How far the channels of a gray picture come apart when a lossy codec has written it."""

ONE_COLOR = 2 / 255
"""What rounding does to a color that is the same everywhere."""

PNG_COLOR_TYPE = 25
"""Where a PNG says that its pixels are indices of a palette (RFC 2083, 11.2.2): by a 3."""


class Undecided(Exception):
    """What belongs to the subject cannot be told; the text says why, for a person."""


class NothingThere(Undecided):
    """Nothing belongs to the subject."""


@dataclass(frozen=True, eq=False)
class MaskPixels:
    """`stored` is (H, W) or (H, W, 3 or 4) of uint8, uint16 or float32; `indices` (H, W) where it has a
    palette, of which `stored` are the colors."""

    stored: NDArray[Any]
    indices: NDArray[np.uint8] | None = None


def read_mask(path: Path, label: int | None = None) -> NDArray[np.float32]:
    """(H, W) coverage 0..1 of what a mask file means, or of one label of a label map.

    Raises MaskUnreadable, MaskEmpty.
    """
    try:
        pixels = _read(path)
    except ClipNotFound as error:
        raise MaskUnreadable(path, "there is no such file") from error
    except ClipUnreadable as error:
        raise MaskUnreadable(path, error.reason) from error
    try:
        return coverage_of(pixels) if label is None else coverage_of_label(pixels, label)
    except NothingThere as error:
        raise MaskEmpty(path, str(error)) from error
    except Undecided as error:
        raise MaskUnreadable(path, str(error)) from error


def read_coverage(path: Path) -> NDArray[np.float32]:
    """(H, W) 0..1 of what is painted in a file: how white it is, by the full range; where it is transparent
    in places, its alpha, unless black and white are painted there as well.

    Unlike `read_mask` it guesses at no labels, and may be empty: a sequence of masks that fades in has faint
    frames and black ones. A palette of colors is read as `read_mask` does. Raises MaskUnreadable.
    """
    try:
        pixels = _read(path)
    except ClipNotFound as error:
        raise MaskUnreadable(path, "there is no such file") from error
    except ClipUnreadable as error:
        raise MaskUnreadable(path, error.reason) from error
    return np.clip(_painted(pixels), 0, 1)


def _painted(pixels: MaskPixels) -> NDArray[np.float32]:
    """(H, W) of what `read_coverage` reads, which rounding may have brought over 1."""
    stored, values = pixels.stored, _scaled(pixels.stored)
    if values.ndim == 2:
        return values
    if values.shape[2] == 4 and np.ptp(values[..., 3]) > 0:
        return _of_transparent(values, premultiplied=stored.dtype == np.float32)
    if _is_gray(stored):
        white = values[..., 0]
    elif pixels.indices is not None:
        return _of_palette(stored[..., :3], pixels.indices)
    else:
        white = values[..., :3] @ REC709_LUMA
    return white if values.shape[2] == 3 or stored.dtype == np.float32 else white * values[..., 3]


def coverage_of(pixels: MaskPixels) -> NDArray[np.float32]:
    """(H, W) coverage 0..1.

    - Transparent in places: alpha, unless black and white are painted there as well.
    - Gray: the part of the full range. Where nothing would be over half of it, few values are labels,
      and all but 0 belong to the subject. So does what is not 0 where there are just two values.
    - Few colors: all but black, or all but a palette's first where that is black.
    - Shades of one color over black: the shade.

    Raises NothingThere and Undecided.
    """
    coverage = _coverage(pixels)
    if not (coverage > 0.5).any():
        raise NothingThere("nothing in it is more than half of the way from black to white")
    return coverage


def coverage_of_label(pixels: MaskPixels, label: int) -> NDArray[np.float32]:
    """(H, W), 1 where a label map or the indices of a palette have the value `label`, else 0.

    Raises NothingThere where no pixel has it, Undecided where there are colors, not labels.
    """
    labels = pixels.indices if pixels.indices is not None else pixels.stored
    if labels.ndim == 3:
        if not _is_gray(labels):
            raise Undecided("it has colors instead of labels")
        labels = labels[..., 0]
    found = labels == label
    if not found.any():
        raise NothingThere(f"no pixel has the label {label}; there are {_listed(np.unique(labels))}")
    return np.asarray(found, np.float32)


def _coverage(pixels: MaskPixels) -> NDArray[np.float32]:
    values = _scaled(pixels.stored)
    if values.ndim == 2:
        return _of_gray(pixels.stored, values)
    if values.shape[2] == 4 and np.ptp(values[..., 3]) > 0:
        return _of_transparent(values, premultiplied=pixels.stored.dtype == np.float32)
    stored = pixels.stored[..., :3]
    if pixels.indices is not None and not _is_gray(stored):
        return _of_palette(stored, pixels.indices)
    return _of_colors(stored, values[..., :3])


def _of_transparent(values: NDArray[np.float32], *, premultiplied: bool) -> NDArray[np.float32]:
    """What is painted on a layer; `values` (H, W, 4) 0..1."""
    alpha = values[..., 3]
    # Where little is left of a color, rounding has altered it.
    seen = alpha >= min(0.5, float(alpha.max()))
    colors = values[seen][:, :3]
    if premultiplied:
        colors = colors / alpha[seen][:, None]
    lowest, highest = colors.min(axis=0), colors.max(axis=0)
    gray = np.ptp(colors, axis=1).max() <= NEARLY_GRAY
    if gray and lowest.max() < 0.1 and highest.min() > 0.9:
        luma: NDArray[np.float32] = values[..., :3] @ REC709_LUMA
        return luma if premultiplied else luma * alpha
    return np.asarray(alpha, np.float32)


def _of_gray(stored: NDArray[Any], values: NDArray[np.float32]) -> NDArray[np.float32]:
    """`stored` and the same from 0 to 1, (H, W) each."""
    if stored.dtype == np.float32:
        return values
    levels = np.unique(stored)
    if len(levels) == 2 and levels[0] == 0:
        return np.asarray(stored != 0, np.float32)
    if values.max() > 0.5 or levels[-1] == 0:
        return values
    if len(levels) > MOST_LABELS:
        raise NothingThere(f"its highest value is {levels[-1]} of {np.iinfo(stored.dtype).max}")
    if levels[0] != 0:
        raise Undecided(f"it has the labels {_listed(levels)} and no 0; name one as in FILE#{levels[-1]}")
    return np.asarray(stored != 0, np.float32)


def _of_palette(stored: NDArray[Any], indices: NDArray[np.uint8]) -> NDArray[np.float32]:
    """A palette's first color is the background, unless that is not black and another one is."""
    first, black = indices == 0, ~stored.any(axis=-1)
    background = black if black.any() and not (first & black).any() else first
    return np.asarray(~background, np.float32)


def _of_colors(stored: NDArray[Any], values: NDArray[np.float32]) -> NDArray[np.float32]:
    """`stored` and the same from 0 to 1, (H, W, 3) each."""
    if _is_gray(stored):
        return _of_gray(stored[..., 0], np.ascontiguousarray(values[..., 0]))
    luma: NDArray[np.float32] = values @ REC709_LUMA
    if np.ptp(values, axis=-1).max() <= NEARLY_GRAY and luma.max() > 0.5:
        return luma
    black = ~stored.any(axis=-1)
    if black.any() and len(np.unique(stored.reshape(-1, 3), axis=0)) <= MOST_LABELS:
        return np.asarray(~black, np.float32)
    strength = values.max(axis=-1)
    if black.any():
        at = np.unravel_index(int(strength.argmax()), strength.shape)
        color = values[at] / strength[at]
        if np.abs(values - strength[..., None] * color).max() <= ONE_COLOR:
            return np.asarray(strength / strength[at], np.float32)
    raise Undecided("its colors do not tell what belongs to the subject; paint that white over black")


def _is_gray(stored: NDArray[Any]) -> bool:
    red, green, blue = stored[..., 0], stored[..., 1], stored[..., 2]
    return np.array_equal(red, green) and np.array_equal(red, blue)


def _scaled(stored: NDArray[Any]) -> NDArray[np.float32]:
    """The values from 0 to 1 by their full range; of floats what lies outside is clipped, NaN is 0."""
    if stored.dtype != np.float32:
        return np.asarray(stored.astype(np.float32) / np.float32(np.iinfo(stored.dtype).max))
    return np.asarray(np.fmin(np.fmax(stored, np.float32(0)), np.float32(1)), np.float32)


def _listed(labels: NDArray[Any], most: int = 8) -> str:
    shown = ", ".join(f"{label:g}" for label in labels[:most])
    return shown if len(labels) <= most else f"{shown} and {len(labels) - most} more"


def _read(path: Path) -> MaskPixels:
    """Raises ClipNotFound, ClipUnreadable."""
    stored = read_image(path)
    try:
        content = path.read_bytes() if _has_palette(path) else b""
    except OSError as error:
        raise ClipUnreadable(path, error.strerror or str(error)) from error
    if not content or stored.dtype != np.uint8:
        return MaskPixels(stored)
    # OpenCV gives the colors alone.
    decoder = av.CodecContext.create("png", "r")
    try:
        frames = [*decoder.decode(av.Packet(content)), *decoder.decode(None)]
    except av.FFmpegError as error:
        raise ClipUnreadable(path, f"its palette cannot be read: {error.strerror}") from error
    if not frames or frames[0].format.name != "pal8":
        return MaskPixels(stored)
    height, width = stored.shape[:2]
    rows = np.frombuffer(bytes(frames[0].planes[0]), np.uint8).reshape(height, -1)
    return MaskPixels(stored, rows[:, :width].copy())


def _has_palette(path: Path) -> bool:
    with path.open("rb") as file:
        start = file.read(PNG_COLOR_TYPE + 1)
    return start[1:4] == b"PNG" and start[PNG_COLOR_TYPE:] == b"\x03"
