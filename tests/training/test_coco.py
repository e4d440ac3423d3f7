# SPDX-License-Identifier: GPL-3.0-or-later
"""Stills of COCO: free pictures alone, with the objects that their polygons outline."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from training.data.coco import free_stills, picture_and_labels, write
from training.data.stills import StillLibrary

LICENSES = {
    1: "http://creativecommons.org/licenses/by-nc-sa/2.0/",
    4: "http://creativecommons.org/licenses/by/2.0/",
    6: "http://creativecommons.org/licenses/by-nd/2.0/",
    7: "http://flickr.com/commons/usage/",
}


def square(left: float, top: float, side: float) -> list[float]:
    return [left, top, left + side, top, left + side, top + side, left, top + side]


@pytest.fixture
def coco(tmp_path: Path) -> tuple[Path, Path]:
    """A picture a license, 80 x 60, each with a large and a small square; the free ones also with a crowd."""
    pictures = tmp_path / "pictures é"
    pictures.mkdir()
    images, annotations = [], []
    for number in LICENSES:
        name = f"{number:012d}.jpg"
        cv2.imencode(".jpg", np.full((60, 80, 3), 40 * number % 255, np.uint8))[1].tofile(pictures / name)
        images.append({"id": number, "file_name": name, "license": number})
        for outline, area, crowd in (
            (square(30.0, 10.0, 30.5), 930, 0),
            (square(10.0, 5.0, 50.0), 2500, 0),
            (square(0.0, 0.0, 5.0), 25, 0),
        ):
            row = {"image_id": number, "area": area, "iscrowd": crowd, "segmentation": [outline]}
            annotations.append(row)
        crowd = {"counts": [0], "size": [60, 80]}
        annotations.append({"image_id": number, "area": 4800, "iscrowd": 1, "segmentation": crowd})
    licenses = [{"id": number, "url": url} for number, url in LICENSES.items()]
    instances = tmp_path / "instances.json"
    table = {"images": images, "annotations": annotations, "licenses": licenses}
    instances.write_text(json.dumps(table), encoding="utf-8")
    return instances, pictures


def test_pictures_that_are_not_free_are_left_out(coco: tuple[Path, Path]) -> None:
    assert [still.path.name for still in free_stills(*coco)] == ["000000000004.jpg", "000000000007.jpg"]


def test_small_objects_lie_over_large_ones(coco: tuple[Path, Path]) -> None:
    picture, labels = picture_and_labels(next(free_stills(*coco)))
    assert picture.shape == (60, 80, 3)
    assert (labels[20, 20], labels[20, 40], labels[2, 2], labels[58, 70]) == (1, 2, 0, 0)
    assert np.count_nonzero(labels == 2) == pytest.approx(930, rel=0.07)


def test_a_zip_of_stills_is_read_as_any_other(coco: tuple[Path, Path], tmp_path: Path) -> None:
    first, both = tmp_path / "first.zip", tmp_path / "both.zip"
    four, seven = free_stills(*coco)
    assert write(first, [four, four]) == 1
    assert write(both, [seven], first) == 1
    library = StillLibrary(both, {"coco": 1.0})
    random = np.random.default_rng(1)
    colors = {int(library.picture(random)[0, 0, 0]) for _ in range(20)}
    assert len(colors) == 2
    assert np.count_nonzero(library.cutout(random).labels) > 2000
