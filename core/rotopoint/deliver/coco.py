# SPDX-License-Identifier: GPL-3.0-or-later
"""All subjects of all frames as one JSON file in COCO's format (https://cocodataset.org/#format-data)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rotopoint import __version__
from rotopoint.clip.sequence import NumberedFile
from rotopoint.deliver.deliverable import Deliverable, Frame, cleaned
from rotopoint.deliver.naming import numbered
from rotopoint.deliver.rle import compressed, runs
from rotopoint.shot.frames import FileNumber
from rotopoint.whole_files import write_whole


class CocoFile(Deliverable):
    """A category a subject, an image a frame, and an annotation where the subject covers more than half of
    any pixel: `segmentation` is compressed RLE, `area` in pixels, `bbox` x, y, width, height. Subjects may
    overlap. Images are called as the files of a sequence are, those of video as such would be; `frame` is
    the clip frame. `track_id` is that of the category.
    """

    part = "coco"
    extension = "json"
    joins = True
    one_file = True

    def open(self) -> None:
        self._images: list[dict[str, Any]] = []
        self._annotations: list[dict[str, Any]] = []

    def frame(self, content: Frame) -> Path:
        width, height = self.about.size
        name = self._name(content.number)
        image = len(self._images) + 1
        self._images.append(
            {"id": image, "file_name": name, "width": width, "height": height, "frame": int(content.frame)}
        )
        for category, layer in enumerate(content.layers, 1):
            mask = cleaned(layer.matte) > 0.5
            if mask.any():
                number = len(self._annotations) + 1
                self._annotations.append(annotation(mask, number, image, category))
        return self.path(FileNumber(0))

    def _name(self, number: FileNumber) -> str:
        source = Path(self.about.source)
        if self.about.frame_rate is not None:
            return f"{self.about.clip}.{number:04d}.png"
        return numbered(source, number).name if NumberedFile.of(source).digits else source.name

    def close(self, *, whole: bool) -> None:
        if not whole:
            return
        content = {
            "info": {"description": self.about.clip, "version": f"Rotopoint {__version__}"},
            "licenses": [],
            "categories": [
                {"id": n, "name": subject, "supercategory": ""}
                for n, subject in enumerate(self.about.subjects, 1)
            ],
            "images": self._images,
            "annotations": self._annotations,
        }
        write_whole(self.path(FileNumber(0)), json.dumps(content).encode("ascii"))


def annotation(mask: NDArray[np.bool_], number: int, image: int, category: int) -> dict[str, Any]:
    """What COCO says of a mask (H, W) that is not empty."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    x, y = int(columns[0]), int(rows[0])
    return {
        "id": number,
        "image_id": image,
        "category_id": category,
        "track_id": category,
        "segmentation": {"size": list(mask.shape), "counts": compressed(runs(mask))},
        "area": int(np.count_nonzero(mask)),
        "bbox": [x, y, int(columns[-1]) - x + 1, int(rows[-1]) - y + 1],
        "iscrowd": 0,
    }
