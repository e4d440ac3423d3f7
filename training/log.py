# SPDX-License-Identifier: GPL-3.0-or-later
"""What a training writes down: a row a step as CSV, and a plot of it as SVG."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np


@dataclass(frozen=True)
class Row:
    """`prompt` is the kind of the clips' first frame. IoUs are means over the step's clips or stills, on
    data that was never seen before; None where the step had none such."""

    step: int
    stage: str
    prompt: str
    seconds: float
    learning_rate: float
    loss: float
    first_iou: float | None
    """On the first frame, from points or a box."""
    last_iou: float | None
    """On the last frame."""
    seen: float | None
    """How often the object score was right."""
    clicked_iou: float | None
    """On stills, from one point."""


COLUMNS = tuple(field.name for field in dataclasses.fields(Row))


class Log:
    """A CSV file with a line a step."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, row: Row) -> None:
        fresh = not self._path.is_file()
        with self._path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            if fresh:
                writer.writerow(COLUMNS)
            writer.writerow([_text(value) for value in dataclasses.astuple(row)])

    def cut(self, step: int) -> None:
        """Drop what came after `step`: it will be done again."""
        rows = self.rows()
        if rows and rows[-1].step > step:
            self._path.unlink()
            for row in rows:
                if row.step <= step:
                    self.add(row)

    def rows(self) -> list[Row]:
        if not self._path.is_file():
            return []
        with self._path.open(newline="", encoding="utf-8") as file:
            return [_row(values) for values in csv.DictReader(file)]


def _text(value: str | int | float | None) -> str:
    return "" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)


def _row(values: dict[str, str]) -> Row:
    def number(name: str) -> float | None:
        return float(values[name]) if values[name] else None

    return Row(
        int(values["step"]),
        values["stage"],
        values["prompt"],
        float(values["seconds"]),
        float(values["learning_rate"]),
        float(values["loss"]),
        number("first_iou"),
        number("last_iou"),
        number("seen"),
        number("clicked_iou"),
    )


WIDTH, HEIGHT, MARGIN = 720, 320, 40
CURVES = (
    ("clicked_iou", "#d62728", "IoU of one click on a still"),
    ("first_iou", "#ff7f0e", "IoU on a clip's first frame"),
    ("last_iou", "#1f77b4", "IoU on a clip's last frame"),
    ("seen", "#2ca02c", "object score right"),
)


def plot(rows: Sequence[Row], smoothing: int = 50) -> str:
    """An SVG of how the IoUs rose: each curve a moving mean over `smoothing` steps that have a value; stages
    are divided by lines."""
    last = max((row.step for row in rows), default=1)

    def x(step: float) -> float:
        return MARGIN + (WIDTH - 2 * MARGIN) * step / last

    def y(value: float) -> float:
        return HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * value

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        'font-size="11">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
    ]
    for value in (0.0, 0.25, 0.5, 0.75, 1.0):
        parts.append(
            f'<path d="M{MARGIN} {y(value):.1f}H{WIDTH - MARGIN}" stroke="#ddd"/>'
            f'<text x="8" y="{y(value) + 4:.1f}">{value:.2f}</text>'
        )
    stage = None
    for row in rows:
        if row.stage != stage:
            stage = row.stage
            parts.append(
                f'<path d="M{x(row.step):.1f} {MARGIN}V{HEIGHT - MARGIN}" stroke="#999" '
                'stroke-dasharray="3"/>'
                f'<text x="{x(row.step) + 3:.1f}" y="{MARGIN - 4}">{escape(stage)}</text>'
            )
    for number, (name, color, title) in enumerate(CURVES):
        values = [(row.step, getattr(row, name)) for row in rows if getattr(row, name) is not None]
        if len(values) >= smoothing:
            kernel = np.ones(smoothing) / smoothing
            means = np.convolve([value for _, value in values], kernel, "valid")
            at = [step for step, _ in values[smoothing - 1 :]]
            line = " ".join(f"{x(step):.1f},{y(mean):.1f}" for step, mean in zip(at, means, strict=True))
            parts.append(f'<polyline points="{line}" fill="none" stroke="{color}" stroke-width="1.5"/>')
        parts.append(
            f'<text x="{MARGIN + 170 * number}" y="{HEIGHT - 8}" fill="{color}">{escape(title)}</text>'
        )
    parts.append(f'<text x="{WIDTH - MARGIN}" y="{HEIGHT - 24}" text-anchor="end">step {last}</text></svg>')
    return "\n".join(parts) + "\n"
