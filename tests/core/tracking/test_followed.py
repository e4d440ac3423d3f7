# SPDX-License-Identifier: GPL-3.0-or-later
"""The loop with a subject that is followed: what is seen of each picture, and from where to start."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rotopoint.tracking.following import Following
from rotopoint.tracking.runtime import Decoded, FramePrompts, MemoryBank
from tests.core.tracking.fake_runtime import SHAPE, Blob, FakeBytes, FakeRuntime
from tests.core.tracking.tracked_subjects import Run


def test_following_goes_on_with_the_same_bytes_after_an_interruption(tmp_path: Path) -> None:
    prompts, following = {"dog": {3: 20.0, 9: 30.0}}, Following((400, 400), SHAPE.input_size)

    def run(folder: str) -> Run:
        return Run(tmp_path / folder, prompts, following=following, runtime=Blob())

    undisturbed = run("whole").result()
    broken_off = run("parts").frames()
    for _, _ in zip(range(7), broken_off, strict=False):
        pass
    broken_off.close()
    assert run("parts").result() == undisturbed
    regions = {t.record.region for t in run("whole").frames()}
    assert len(regions) > 5 and all(region.size < (400, 400) for region in regions)


class Views(FakeRuntime):
    """Sees a subject that is `across` of 16 places wide and trusts its answers as `trusts` says, both by how
    many pixels of the picture a view is wide."""

    def __init__(self, across: dict[int, int], trusts: dict[int, float]) -> None:
        super().__init__()
        self.across, self.trusts = across, trusts

    def encode_image(self, picture: np.ndarray) -> FakeBytes:
        return FakeBytes(super().encode_image(picture).data + picture.shape[1].to_bytes(2, "big"))

    def condition_on_memory(self, features: FakeBytes, bank: MemoryBank[FakeBytes] | None) -> FakeBytes:
        self.wide = int.from_bytes(features.data[-2:], "big")
        return super().condition_on_memory(features, bank)

    def seen(self, prompts: FramePrompts | None, answer: Decoded) -> Decoded:
        logits = np.full((16, 16), -5, np.float32)
        logits[7:9, : self.across.get(self.wide, 4)] = 5
        iou = self.trusts.get(self.wide, 0.5)
        return replace(answer, logits=logits, object_score=5.0, predicted_iou=iou)


@pytest.mark.parametrize(
    ("across", "trusts", "taken"),
    [
        ({}, {400: 0.6}, 400),
        ({}, {200: 0.6}, 200),
        ({}, {50: 0.6}, 50),
        ({50: 16, 100: 13}, {200: 0.6, 100: 0.7, 50: 0.8}, 200),
        ({side: 16 for side in (200, 100, 50)}, {50: 0.8}, 400),
    ],
)
def test_points_are_answered_where_all_is_seen_and_the_answer_is_trusted_most(
    tmp_path: Path, across: dict[int, int], trusts: dict[int, float], taken: int
) -> None:
    following = Following((400, 400), SHAPE.input_size)
    run = Run(tmp_path, {"dog": {0: 32.0}}, following=following, runtime=Views(across, trusts))
    (first,) = run.frames(0, 0)
    assert first.record.region.size == (taken, taken)
