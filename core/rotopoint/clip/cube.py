# SPDX-License-Identifier: GPL-3.0-or-later
"""Lookup tables in .cube files: read strictly, applied with linear interpolation.

The format is Adobe's "Cube LUT Specification", version 1.0, and the input range lines that DaVinci
Resolve writes in the place of DOMAIN_MIN and DOMAIN_MAX.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rotopoint.errors import InputTransformUnknown
from rotopoint.files import require_regular_file

LARGEST_1D = 65536
LARGEST_3D = 256

PIXELS_AT_ONCE = 1 << 17
"""So many pixels are interpolated at once: what this needs stays in the processor's cache."""


@dataclass(frozen=True, eq=False)
class Cube:
    """A lookup table over the box from `lowest` to `highest`, each (3,) float32 of R, G, B.

    `table` is (N, 3) float32 for one curve a channel, or (N, N, N, 3) indexed by blue, green, red.
    """

    table: NDArray[np.float32]
    lowest: NDArray[np.float32]
    highest: NDArray[np.float32]

    def apply(self, rgb: NDArray[np.float32]) -> NDArray[np.float32]:
        """(..., 3) to (..., 3); values outside of the domain are taken at its border, NaN at its start."""
        flat = rgb.reshape(-1, 3)
        out = np.empty(flat.shape, np.float32)
        interpolate = self._curves if self.table.ndim == 2 else self._trilinear
        for start in range(0, len(flat), PIXELS_AT_ONCE):
            part = slice(start, start + PIXELS_AT_ONCE)
            position = (flat[part] - self.lowest) / (self.highest - self.lowest)
            # fmax and fmin drop NaN in favor of the number.
            position = np.fmin(np.fmax(position, np.float32(0)), np.float32(1))
            out[part] = interpolate(position * np.float32(len(self.table) - 1))
        return out.reshape(rgb.shape)

    def _curves(self, position: NDArray[np.float32]) -> NDArray[np.float32]:
        below = np.minimum(position.astype(np.intp), len(self.table) - 2)
        fraction = position - below
        channel = np.arange(3)
        low, high = self.table[below, channel], self.table[below + 1, channel]
        curved: NDArray[np.float32] = low + fraction * (high - low)
        return curved

    def _trilinear(self, position: NDArray[np.float32]) -> NDArray[np.float32]:
        count = len(self.table)
        below = np.minimum(position.astype(np.intp), count - 2)
        fraction = position - below
        # red is innermost in the table
        corner = below[:, 0] + count * (below[:, 1] + count * below[:, 2])
        flat_table = self.table.reshape(-1, 3)
        out = np.zeros((len(position), 3), np.float32)
        for red, green, blue in itertools.product((0, 1), repeat=3):
            weight = np.ones(len(position), np.float32)
            for channel, upper in enumerate((red, green, blue)):
                weight *= fraction[:, channel] if upper else 1 - fraction[:, channel]
            values = flat_table.take(corner + (red + count * (green + count * blue)), axis=0)
            out += weight[:, None] * values
        return out


def load_cube(path: Path) -> Cube:
    """Read a .cube file; raises InputTransformUnknown with the line that is wrong."""
    try:
        require_regular_file(path)
        lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    except FileNotFoundError as error:
        raise InputTransformUnknown(str(path), "the file does not exist") from error
    except OSError as error:
        raise InputTransformUnknown(str(path), error.strerror or str(error)) from error
    return _Parser(path).parse(lines)


class _Parser:
    """Collects the keywords, then the numbers, and knows the line for complaints."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.line = 0
        self.dimensions = 0
        self.count = 0
        self.lowest = [0.0, 0.0, 0.0]
        self.highest = [1.0, 1.0, 1.0]
        self.seen: set[str] = set()
        self.rows: list[list[float]] = []

    def fault(self, reason: str) -> InputTransformUnknown:
        return InputTransformUnknown(str(self.path), f"line {self.line}: {reason}")

    def parse(self, lines: list[str]) -> Cube:
        for self.line, text in enumerate(lines, 1):
            words = text.split()
            if not words or words[0].startswith("#"):
                continue
            if words[0][0].isalpha() and words[0].lower() not in ("nan", "inf", "infinity"):
                self.keyword(words[0], words[1:])
            else:
                self.rows.append(self.numbers(words, 3))
        return self.cube()

    def numbers(self, words: list[str], count: int) -> list[float]:
        try:
            values = [float(word) for word in words]
        except ValueError:
            raise self.fault(f"{' '.join(words)[:40]!r} are not numbers") from None
        if len(values) != count or not all(map(math.isfinite, values)):
            raise self.fault(f"expected {count} finite numbers")
        return values

    def keyword(self, word: str, rest: list[str]) -> None:
        if self.rows:
            raise self.fault(f"{word} stands after the table has begun")
        if word in self.seen:
            raise self.fault(f"{word} stands here a second time")
        self.seen.add(word)
        match word:
            case "TITLE":
                pass
            case "LUT_1D_SIZE" | "LUT_3D_SIZE":
                self.size(word, rest)
            case "DOMAIN_MIN":
                self.lowest = self.numbers(rest, 3)
            case "DOMAIN_MAX":
                self.highest = self.numbers(rest, 3)
            case "LUT_1D_INPUT_RANGE" | "LUT_3D_INPUT_RANGE":
                low, high = self.numbers(rest, 2)
                self.lowest, self.highest = [low] * 3, [high] * 3
            case _:
                raise self.fault(f"{word[:40]} is not a keyword of .cube files")

    def size(self, word: str, rest: list[str]) -> None:
        if self.dimensions:
            raise self.fault("tables of 1 and 3 dimensions in one file are not supported")
        self.dimensions, largest = (1, LARGEST_1D) if word == "LUT_1D_SIZE" else (3, LARGEST_3D)
        if len(rest) != 1 or not rest[0].isdecimal() or not 2 <= int(rest[0]) <= largest:
            raise self.fault(f"{word} must be a whole number from 2 to {largest}")
        self.count = int(rest[0])

    def cube(self) -> Cube:
        if not self.dimensions:
            raise self.fault("the file ends without LUT_1D_SIZE or LUT_3D_SIZE")
        expected = self.count**self.dimensions
        if len(self.rows) != expected:
            raise self.fault(f"the table should have {expected} lines and has {len(self.rows)}")
        if any(high <= low for low, high in zip(self.lowest, self.highest, strict=True)):
            raise self.fault("the domain is empty")
        table = np.array(self.rows, np.float32)
        return Cube(
            table if self.dimensions == 1 else table.reshape(self.count, self.count, self.count, 3),
            np.array(self.lowest, np.float32),
            np.array(self.highest, np.float32),
        )
