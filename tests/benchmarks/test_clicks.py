# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked of stills: which are held out, where clicks lie, and what far too much is."""

import io
import zipfile
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from benchmarks.clicks import Answered, box, clicks, judged, objects
from benchmarks.davis import farthest_point
from benchmarks.held_out import held_out
from rotopoint.checkpoints.configuration import Calibration
from rotopoint.tracking import refinement
from rotopoint.tracking.obeying import Click

PLAIN = Calibration(spread=0.1, level=0.5, sure=2.0)


def stills(path: Path, count: int) -> Path:
    """Gray pictures whose number is their gray; of the first one there is another copy elsewhere."""
    with zipfile.ZipFile(path, "w") as archive:
        labels = np.zeros((8, 8), np.uint8)
        labels[2:6, 2:6] = 1
        for n in range(count):
            archive.writestr(f"{n}.jpg", cv2.imencode(".jpg", np.full((8, 8, 3), n, np.uint8))[1].tobytes())
            archive.writestr(f"{n}.png", cv2.imencode(".png", labels)[1].tobytes())
        table = "name,same_picture_in_stills_zip\n0,77\n" + "".join(f"{n},\n" for n in range(1, count))
        archive.writestr("sources.csv", io.StringIO(table).getvalue())
    return path


def test_one_in_four_of_those_that_are_not_elsewhere_is_held_out(tmp_path: Path) -> None:
    held = tmp_path / "held.zip"
    assert held_out(stills(tmp_path / "more.zip", 7), held) == 2
    found = [(int(picture[0, 0, 0]), [mask.sum() for mask in masks]) for picture, masks in objects(held)]
    assert found == [(1, [16]), (5, [16])]


def test_clicks_lie_deep_inside_the_first_deepest_and_the_same_each_time() -> None:
    truth = np.zeros((30, 40), np.bool_)
    truth[5:25, 8:28] = True
    asked = clicks(truth, 6)
    assert asked == clicks(truth, 6) and len(asked) == 6
    assert asked[0] == ([farthest_point(truth)], [1])
    for ((x, y),), labels in asked:
        assert labels == [1]
        assert 8 + 4.5 <= x <= 28 - 4.5 and 5 + 4.5 <= y <= 25 - 4.5
    assert box(truth) == [([(8, 5), (28.0, 25.0)], [2, 3])]


def test_far_too_much_is_over_three_times_the_area() -> None:
    truth = np.zeros((16, 16), np.bool_)
    truth[:4, :4] = True

    def answered(side: int) -> Answered:
        logits = torch.full((1, 1, 16, 16), -9.0)
        logits[..., :side, :side] = 9.0
        return Answered(logits, torch.ones(1, 1), (), np.zeros((64, 64, 3), np.uint8), truth)

    figures = judged([answered(4), answered(6), answered(7), answered(8)], PLAIN)
    assert figures.far_too_much == 0.5
    assert figures.iou == np.mean([1, 16 / 36, 16 / 49, 16 / 64])


def test_what_gets_a_second_look_is_judged_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    truth = np.zeros((16, 16), np.bool_)
    truth[:8, :8] = True
    logits = torch.where(torch.from_numpy(truth), 1.0, -1.0)[None, None]
    click = Click((4, 4), True)
    answer = Answered(logits, torch.ones(1, 1), (click,), np.zeros((64, 64, 3), np.uint8), truth)
    monkeypatch.setattr(refinement, "shipped", lambda _: np.full((refinement.GRID,) * 2, 9, np.float32))
    again = replace(PLAIN, second_look=0.5)
    assert judged([answer], PLAIN).iou == 1
    assert judged([answer], again).iou < 0.9
