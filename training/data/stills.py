# SPDX-License-Identifier: GPL-3.0-or-later
"""The stills that clips are made of, read from one zip."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

SMALLEST_OBJECT = 0.004
"""Part of a still that an object must cover to serve as a subject."""


@dataclass(frozen=True)
class Cutout:
    """An object with its still.

    `picture`: (H, W, 3) uint8 RGB. `mask`: (H, W) bool, the object. `labels`: (H, W) uint8, all objects of
    the still: 0 is nothing.
    """

    picture: NDArray[np.uint8]
    mask: NDArray[np.bool_]
    labels: NDArray[np.uint8]

    @property
    def bounds(self) -> tuple[int, int, int, int]:
        """x0, y0, x1, y1 of the object, the ends excluded."""
        rows, columns = np.flatnonzero(self.mask.any(1)), np.flatnonzero(self.mask.any(0))
        return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


@dataclass(frozen=True)
class _Object:
    name: str
    label: int
    part: float
    """Of its still."""


class StillLibrary:
    """Pictures `NAME.jpg` with label maps `NAME.png` (0 is nothing, any other value an object), and
    `sources.csv` (name, source). Files stay compressed in memory.

    `weights` say how often each source gives an object; sources that are not named give none.
    """

    def __init__(self, path: Path, weights: Mapping[str, float]) -> None:
        with zipfile.ZipFile(path) as archive:
            files = {name: archive.read(name) for name in archive.namelist()}
        rows = list(csv.DictReader(io.StringIO(files.pop("sources.csv").decode("utf-8"))))
        self._files = files
        self._names = [row["name"] for row in rows]
        objects: dict[str, list[_Object]] = {source: [] for source in weights}
        for row in rows:
            if row["source"] in objects:
                objects[row["source"]] += self._objects(row["name"])
        self._objects_by_source = {source: found for source, found in objects.items() if found}
        if not self._objects_by_source:
            raise ValueError(f"{path}: no objects of the sources {', '.join(weights)}")
        shares = np.array([weights[source] for source in self._objects_by_source], np.float64)
        self._shares = shares / shares.sum()

    def picture(self, rng: np.random.Generator) -> NDArray[np.uint8]:
        """Any still, (H, W, 3) RGB."""
        return self._picture(self._names[rng.integers(len(self._names))])

    def cutout(self, rng: np.random.Generator, merge: float = 0.0) -> Cutout:
        """Any object, as often as it is large, for what is rotoscoped fills much of a picture. With the
        probability `merge`, an object that touches it belongs to it, as a rider belongs to the bicycle."""
        source = list(self._objects_by_source)[rng.choice(len(self._shares), p=self._shares)]
        objects = self._objects_by_source[source]
        chances = np.array([found.part for found in objects])
        chosen = objects[rng.choice(len(objects), p=chances / chances.sum())]
        labels = self._labels(chosen.name)
        mask = labels == chosen.label
        if rng.random() < merge:
            grown = cv2.dilate(mask.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
            touching, counts = np.unique(labels[grown & ~mask & (labels > 0)], return_counts=True)
            if touching.size:
                mask = mask | (labels == touching[int(np.argmax(counts))])
        return Cutout(self._picture(chosen.name), mask, labels)

    def _objects(self, name: str) -> list[_Object]:
        labels = self._labels(name)
        counts = np.bincount(labels.ravel(), minlength=256)
        least = SMALLEST_OBJECT * labels.size
        return [
            _Object(name, int(label), counts[label] / labels.size)
            for label in np.flatnonzero(counts >= least)
            if label > 0
        ]

    def _picture(self, name: str) -> NDArray[np.uint8]:
        return np.asarray(cv2.cvtColor(self._decode(f"{name}.jpg", cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB))

    def _labels(self, name: str) -> NDArray[np.uint8]:
        return self._decode(f"{name}.png", cv2.IMREAD_GRAYSCALE)

    def _decode(self, name: str, flags: int) -> NDArray[np.uint8]:
        decoded = cv2.imdecode(np.frombuffer(self._files[name], np.uint8), flags)
        if decoded is None:
            raise ValueError(f"{name} is not an image")
        return np.asarray(decoded, np.uint8)
