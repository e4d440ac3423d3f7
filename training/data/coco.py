# SPDX-License-Identifier: GPL-3.0-or-later
"""Stills from COCO ("Microsoft COCO: Common Objects in Context", Lin et al., 2014), of which those pictures
are taken that their license leaves free to all.

Annotations are under CC BY 4.0. Pictures come from Flickr, under the license that the annotations name for
each: three in four forbid commercial use or changes, and are left out.
"""

from __future__ import annotations

import json
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

FREE_LICENSES = (
    "creativecommons.org/licenses/by/",
    "creativecommons.org/licenses/by-sa/",
    "flickr.com/commons/usage/",
    "usa.gov/copyright",
)
"""Parts of their addresses: attribution, attribution and share alike, no known restrictions, and works of the
United States government."""

SHORTER_SIDE = 384
"""Pixels that a picture's shorter side has at most: what the model sees."""

SMALLEST_OBJECT = 900
"""Pixels of the annotated picture that an object covers at least."""

MOST_OBJECTS = 250
"""What a label map of 8 bits has room for."""

JPEG_QUALITY = 80


@dataclass(frozen=True)
class Still:
    """A picture of COCO: `path`, and `outlines`, for each object its polygons (n, 2) in pixels, large objects
    first."""

    name: str
    path: Path
    license: str
    outlines: tuple[tuple[NDArray[np.float64], ...], ...]


def free_stills(instances: Path, pictures: Path) -> Iterator[Still]:
    """The pictures in the folder `pictures` for which `instances` (COCO's `instances_*.json`) has objects and
    a license that is one of FREE_LICENSES."""
    table = json.loads(instances.read_text(encoding="utf-8"))
    licenses = {row["id"]: row["url"] for row in table["licenses"]}
    objects = defaultdict(list)
    for row in table["annotations"]:
        if not row["iscrowd"] and row["area"] >= SMALLEST_OBJECT:
            objects[row["image_id"]].append(row)
    for image in table["images"]:
        path, license_ = pictures / image["file_name"], licenses[image["license"]]
        found = sorted(objects[image["id"]], key=lambda row: -row["area"])[:MOST_OBJECTS]
        if found and path.exists() and any(part in license_ for part in FREE_LICENSES):
            yield Still(path.stem, path, license_, tuple(_polygons(row) for row in found))


def _polygons(row: dict[str, Any]) -> tuple[NDArray[np.float64], ...]:
    return tuple(np.array(each, np.float64).reshape(-1, 2) for each in row["segmentation"])


def picture_and_labels(still: Still) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """(H, W, 3) BGR and the label map (H, W): 0 is nothing, 1 and up an object, small ones over large ones.

    Raises ValueError where the file is not an image.
    """
    picture = cv2.imdecode(np.frombuffer(still.path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    if picture is None:
        raise ValueError(f"{still.path} is not an image")
    scale = min(SHORTER_SIDE / min(picture.shape[:2]), 1.0)
    height, width = (round(side * scale) for side in picture.shape[:2])
    labels = np.zeros((height, width), np.uint8)
    for number, polygons in enumerate(still.outlines, 1):
        places = [np.rint(each * scale - 0.5).astype(np.int32) for each in polygons]
        cv2.fillPoly(labels, places, [number])
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)), labels


def write(output: Path, stills: Iterable[Still], also: Path | None = None) -> int:
    """A zip for `StillLibrary` of `stills`, and of what is in the zip `also`; returns how many were added. Of
    several stills of one name the first is taken."""
    rows = ["name,source"]
    names: set[str] = set()
    with zipfile.ZipFile(output, "w") as archive:
        if also is not None:
            with zipfile.ZipFile(also) as other:
                for name in other.namelist():
                    if name != "sources.csv":
                        archive.writestr(name, other.read(name))
                rows = other.read("sources.csv").decode("utf-8").splitlines()
        for still in stills:
            if still.name in names:
                continue
            names.add(still.name)
            picture, labels = picture_and_labels(still)
            encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1]
            archive.writestr(f"{still.name}.jpg", encoded.tobytes())
            archive.writestr(f"{still.name}.png", cv2.imencode(".png", labels)[1].tobytes())
            rows.append(f"{still.name},coco")
        archive.writestr("sources.csv", "\n".join(rows) + "\n")
    return len(names)
