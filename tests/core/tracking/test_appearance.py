# SPDX-License-Identifier: GPL-3.0-or-later
"""A subject's looks, learned from a picture with its mask and asked on another."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

torch = pytest.importorskip("torch")

from rotopoint.checkpoints import resolve  # noqa: E402
from rotopoint.checkpoints.configuration import Calibration  # noqa: E402
from rotopoint.checkpoints.resolved import ResolvedCheckpoint  # noqa: E402
from rotopoint.tracking.appearance import RIDGE, Appearance, fitted, likeness  # noqa: E402
from rotopoint.tracking.engine import load_engine  # noqa: E402
from rotopoint.tracking.runtime import MemoryBank  # noqa: E402
from rotopoint.tracking.sam2.heads import Masks, alike  # noqa: E402
from rotopoint.tracking.sam2.likeness import likeness as on_device  # noqa: E402

SIDE = 32
RED, GREEN, BLUE = np.eye(3, dtype=np.float32)
PICTURE = np.random.default_rng(5).integers(0, 256, (90, 160, 3), np.uint8)


def drawn(subject: NDArray[np.float32], rest: NDArray[np.float32], column: int) -> tuple[Any, Any, Any]:
    """Fine and top features and logits of a picture with a square subject that begins at a column of 32."""
    inside = np.zeros((SIDE, SIDE), np.float32)
    inside[8:24, column : column + 16] = 1
    looks = np.where(inside > 0, subject[:, None, None], rest[:, None, None])
    top = looks[:, 2::4, 2::4]
    return np.ascontiguousarray(looks[:, ::2, ::2]), np.ascontiguousarray(top), 20 * inside - 10


def said(learned: list[Appearance], picture: tuple[Any, Any, Any]) -> NDArray[np.float32]:
    fine, top, _ = picture
    return likeness(fitted(*learned), fine, top, SIDE)


def learned_of(picture: tuple[Any, Any, Any]) -> Appearance:
    learned = Appearance.of(*picture)
    assert learned is not None
    return learned


def test_what_looks_like_the_subject_is_told_from_the_rest_wherever_it_is() -> None:
    elsewhere = drawn(RED, GREEN, 12)
    answer = said([learned_of(drawn(RED, GREEN, 0))], elsewhere)
    assert answer.shape == (SIDE, SIDE) and answer.dtype == np.float32
    assert np.array_equal(answer[10:22] > 0, elsewhere[2][10:22] > 0)
    assert answer[16, 20] == pytest.approx(1, abs=0.2) and answer[2, 2] == pytest.approx(-1, abs=0.2)


def test_a_second_picture_adds_a_look_that_the_first_did_not_show() -> None:
    first, second = drawn(RED, GREEN, 8), drawn(BLUE, GREEN, 8)
    blue = drawn(BLUE, GREEN, 4)
    inside = blue[2] > 0
    alone, both = said([learned_of(first)], blue), said([learned_of(first), learned_of(second)], blue)
    assert both[inside].mean() > 0.5 > alone[inside].mean()
    assert said([learned_of(first), learned_of(second)], first)[first[2] > 0].mean() > 0.5


def test_the_map_solves_what_numpy_solves() -> None:
    random = np.random.default_rng(3)
    shapes = ((6, 8, 8), (10, 4, 4), (16, 16))
    pictures = [tuple(random.normal(size=each).astype(np.float32) for each in shapes) for _ in range(2)]
    learned = [learned_of(picture) for picture in pictures]
    products, told = np.split(np.sum([each.sums for each in learned], 0, np.float64), [-1], 1)
    steadied = products + RIDGE * np.mean(np.diag(products)) * np.eye(17)
    assert np.allclose(fitted(*learned), np.linalg.solve(steadied, told)[:, 0], atol=1e-5)
    assert np.allclose(products, products.T, rtol=1e-4, atol=1e-4)
    assert np.allclose(products[-1, -1], 2 * 64), "each picture has 64 places, which weigh 1 on average"


def test_a_small_subject_weighs_as_much_as_all_around_it() -> None:
    fine, top, logits = drawn(RED, GREEN, 8)
    small = np.full_like(logits, -10)
    small[14:18, 14:18] = 10
    looks = np.where(small > 0, RED[:, None, None], GREEN[:, None, None])
    picture = np.ascontiguousarray(looks[:, ::2, ::2]), np.ascontiguousarray(looks[:, 2::4, 2::4]), small
    answer = said([learned_of(picture)], (fine, top, logits))
    assert answer[16, 16] > 0.5 and answer[2, 2] < -0.5


def test_nothing_is_learned_of_a_subject_that_is_not_there() -> None:
    fine, top, logits = drawn(RED, GREEN, 8)
    assert Appearance.of(fine, top, np.full_like(logits, -1024)) is None


@pytest.mark.parametrize("subjects", [1, 3])
def test_a_device_says_the_same_of_several_subjects(subjects: int) -> None:
    random = np.random.default_rng(subjects)
    fine = random.normal(size=(6, 8, 8)).astype(np.float32)
    top = random.normal(size=(10, 4, 4)).astype(np.float32)
    weights = random.normal(size=(subjects, 17)).astype(np.float32)
    here = np.stack([likeness(each, fine, top, 16) for each in weights])
    there = on_device(*map(torch.from_numpy, (weights, fine[None], top[None])), 16)
    assert np.abs(there.numpy() - here).max() < 1e-4


def draft(weight: float) -> ResolvedCheckpoint:
    shipped = resolve("draft")
    calibration = shipped.configuration.calibration
    assert isinstance(calibration, Calibration)
    return replace(
        shipped,
        configuration=replace(shipped.configuration, calibration=replace(calibration, appearance=weight)),
    )


@pytest.fixture(scope="module")
def runtimes() -> tuple[Any, Any]:
    """The draft model's on torch, told to weigh looks and not to. `test_onnx_runtime` has the other's."""
    return tuple(load_engine(draft(weight), "cpu", 2, "fp32").runtime for weight in (2.0, 0.0))  # type: ignore[return-value]


def remembered(runtime: Any, prompted: bool = True, calibrates: bool = True) -> tuple[Any, Any]:
    """Features of a picture, and the memory of it with a mask."""
    features = runtime.encode_image(PICTURE)
    logits = np.full((128, 128), -8, np.float32)
    logits[40:90, 30:80] = 8
    return features, runtime.encode_memory(features, logits, 5.0, prompted, calibrates)


def answered(runtime: Any, features: Any, memory: Any) -> NDArray[np.float32]:
    bank = MemoryBank(((0, memory),), ((1, np.zeros(runtime.shape.pointer_size, np.float32)),), 3)
    answer = runtime.decode_prompts(runtime.condition_on_memory(features, bank), None, calibrates=True)
    (together,) = runtime.decode_together(features, [bank])
    assert np.abs(together.logits - answer.logits).max() < 2e-3
    assert answer.object_score > 0, "else nothing would be added"
    return answer.logits


def test_a_tracked_picture_is_moved_by_its_likeness_and_by_no_more(runtimes: tuple[Any, Any]) -> None:
    weighing, plain = runtimes
    features, memory = remembered(weighing)
    moved = answered(weighing, features, memory) - answered(plain, *remembered(plain))
    inside = np.zeros((128, 128), np.bool_)
    inside[44:86, 34:76] = True
    assert moved[inside].mean() > 0.5 and moved[100:].mean() < -0.5
    assert np.abs(moved).max() < 2 * 2.5


def test_a_mask_that_looks_contradict_is_trusted_less_by_the_part_of_it_that_is_gone() -> None:
    logits = torch.full((2, 4, 4), -1.0)
    logits[:, :2] = 1.0
    gone = torch.zeros(2, 4, 4)
    gone[0, 0] = -2.0
    before = Masks(logits, torch.zeros(2, 3), torch.ones(2, 1), torch.tensor([0.8, 0.6]))
    after = alike(before, gone)
    assert after.predicted_iou.tolist() == pytest.approx([0.4, 0.6])
    assert torch.equal(after.logits, logits + gone)
    unseen = alike(replace(before, object_score=-torch.ones(2, 1)), gone)
    assert torch.equal(unseen.logits, logits) and torch.equal(unseen.predicted_iou, before.predicted_iou)
    nothing = alike(replace(before, logits=logits - 5), torch.zeros(2, 4, 4))
    assert torch.equal(nothing.predicted_iou, before.predicted_iou)


def test_looks_survive_as_bytes_and_as_what_leaves_a_device(runtimes: tuple[Any, Any]) -> None:
    weighing, _ = runtimes
    features, memory = remembered(weighing)
    before = answered(weighing, features, memory)
    for kept in (memory.to_bytes(), memory.host_copy()):
        assert np.array_equal(answered(weighing, features, weighing.memory_from(kept)), before)
    assert memory.nbytes > memory.appearance.sums.nbytes > 0


def test_looks_are_learned_of_prompted_pictures_alone_and_not_for_upstreams_policy(
    runtimes: tuple[Any, Any],
) -> None:
    weighing, plain = runtimes
    assert remembered(weighing)[1].appearance is not None
    assert remembered(weighing, prompted=False)[1].appearance is None
    assert remembered(weighing, calibrates=False)[1].appearance is None
    assert remembered(plain)[1].appearance is None
