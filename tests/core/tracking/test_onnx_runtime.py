# SPDX-License-Identifier: GPL-3.0-or-later
"""The four calls on ONNX Runtime give what they give on torch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from rotopoint.checkpoints import resolve  # noqa: E402
from rotopoint.tracking.engine import load_engine  # noqa: E402
from rotopoint.tracking.runtime import Decoded, MaskPrompt, MemoryBank, PointPrompts  # noqa: E402
from rotopoint.tracking.sam2.transfer import packed  # noqa: E402

PICTURE = np.random.default_rng(3).integers(0, 256, (90, 160, 3), np.uint8)
PICTURE[20:60, 40:90] = (230, 90, 40)
LARGEST = 2e-4
"""In parts of the largest logit: float32, added in another order through all of the model."""


@pytest.fixture(scope="module")
def runtimes(draft_graphs: Path) -> tuple[Any, Any]:
    """Torch's and ONNX Runtime's, of the draft model in float32."""
    return tuple(
        load_engine(resolve("draft"), "cpu", 2, "fp32", runtime=name).runtime for name in ("torch", "onnx")
    )  # type: ignore[return-value]


def points(*labels: int) -> PointPrompts:
    places = np.array([[150, 160], [200, 130], [30, 300], [90, 250]], np.float32)
    return PointPrompts(places[: len(labels)], np.array(labels, np.int32))


def square() -> MaskPrompt:
    mask = np.zeros((90, 160), np.bool_)
    mask[20:60, 40:90] = True
    return MaskPrompt(mask)


def assert_same(torchs: Decoded, onnxs: Decoded) -> None:
    scale = np.abs(torchs.logits).max()
    assert onnxs.logits.shape == torchs.logits.shape and onnxs.logits.dtype == np.float32
    assert np.abs(onnxs.logits - torchs.logits).max() <= LARGEST * scale
    assert np.abs(onnxs.pointer - torchs.pointer).max() <= LARGEST * np.abs(torchs.pointer).max()
    assert onnxs.object_score == pytest.approx(torchs.object_score, abs=2e-3)
    assert onnxs.predicted_iou == pytest.approx(torchs.predicted_iou, abs=2e-3)


PROMPTS = {
    "nothing": None,
    "a point": points(1),
    "points": points(1, 0, 1),
    "a box and a point": points(2, 3, 1),
    "a mask": square(),
}


@pytest.mark.parametrize("candidate", [1, 2, 3])
def test_another_of_the_masks_for_a_point(runtimes: tuple[Any, Any], candidate: int) -> None:
    asked = replace(points(1), candidate=candidate)
    decoded, usual = [], []
    for runtime in runtimes:
        start = runtime.condition_on_memory(runtime.encode_image(PICTURE), None)
        decoded.append(runtime.decode_prompts(start, asked))
        # For several points the model offers one mask alone.
        usual += [runtime.decode_prompts(start, replace(points(1, 0), candidate=c)) for c in (0, candidate)]
    assert_same(*decoded)
    assert_same(usual[2], usual[3])


@pytest.mark.parametrize("calibrates", [True, False])
@pytest.mark.parametrize("prompts", PROMPTS.values(), ids=PROMPTS)
def test_prompts_that_start_a_track(runtimes: tuple[Any, Any], prompts: Any, calibrates: bool) -> None:
    decoded = []
    for runtime in runtimes:
        start = runtime.condition_on_memory(runtime.encode_image(PICTURE), None)
        decoded.append(runtime.decode_prompts(start, prompts, None, calibrates))
    assert_same(*decoded)


def tracked(runtime: Any, subjects: int = 1, calibrates: bool = True) -> tuple[Any, list[MemoryBank[Any]]]:
    """Features of a second picture, and what subjects remember of the first one, their looks too where it is
    calibrated, and of one more before it."""
    first = runtime.encode_image(PICTURE)
    start = runtime.condition_on_memory(first, None)
    banks = []
    for subject in range(subjects):
        seen = runtime.decode_prompts(start, points(1, *[0] * subject))
        memories = tuple(
            (place, runtime.encode_memory(first, seen.logits, score, place == 0, calibrates))
            for place, score in ((0, 1.0), (1, -1.0))
        )
        pointers = ((1, seen.pointer), (2, seen.pointer[::-1].copy()), (2, seen.pointer))
        banks.append(MemoryBank(memories, pointers, 3))
    return runtime.encode_image(np.roll(PICTURE, 6, 1)), banks


def on_the_same_memories(
    runtimes: tuple[Any, Any], calibrates: bool = True
) -> list[tuple[Any, Any, MemoryBank[Any]]]:
    """Each runtime with its features and a bank, whose memories are ONNX Runtime's for both: a few values of
    one lie so near between two of bfloat16 that a last bit of a float decides which is kept."""
    (torchs, features, (own,)), (onnxs, *others) = (
        (runtime, *tracked(runtime, calibrates=calibrates)) for runtime in runtimes
    )
    (bank,) = others[1]
    given = []
    for (place, memory), (_, ours) in zip(bank.memories, own.memories, strict=True):
        spatial = torch.from_numpy(memory.spatial).bfloat16()
        assert (spatial != ours.spatial).float().mean() < 0.005
        assert (memory.appearance is None) == (ours.appearance is None) == (place > 0 or not calibrates)
        looks = () if memory.appearance is None else (torch.from_numpy(memory.appearance.sums),)
        given.append((place, torchs.memory_from(packed(spatial, *looks))))
    return [(torchs, features, replace(own, memories=tuple(given))), (onnxs, others[0], bank)]


@pytest.mark.parametrize("calibrates", [True, False])
@pytest.mark.parametrize("prompts", [None, points(1), points(0, 1)], ids=["memory alone", "a click", "two"])
def test_a_frame_on_memories(
    runtimes: tuple[Any, Any], prompts: PointPrompts | None, calibrates: bool
) -> None:
    decoded = []
    for runtime, features, bank in on_the_same_memories(runtimes, calibrates):
        conditioned = runtime.condition_on_memory(features, bank)
        first = runtime.decode_prompts(conditioned, prompts)
        decoded.append((first, runtime.decode_prompts(conditioned, points(1), first.logits)))
    for pair in zip(*decoded, strict=True):
        assert_same(*pair)


def test_a_bank_without_pointers(runtimes: tuple[Any, Any]) -> None:
    decoded = []
    for runtime, features, bank in on_the_same_memories(runtimes):
        bank = MemoryBank(bank.memories[:1], (), 3)
        decoded.append(runtime.decode_prompts(runtime.condition_on_memory(features, bank), None))
    assert_same(*decoded)


def test_subjects_together_are_as_each_alone(runtimes: tuple[Any, Any]) -> None:
    _, runtime = runtimes
    features, banks = tracked(runtime, subjects=3)
    together = runtime.decode_together(features, banks)
    for bank, decoded in zip(banks, together, strict=True):
        assert_same(runtime.decode_prompts(runtime.condition_on_memory(features, bank), None), decoded)


def test_a_mask_with_nothing_in_it_is_an_unseen_subject(runtimes: tuple[Any, Any]) -> None:
    nothing = MaskPrompt(np.zeros((90, 160), np.bool_))
    starts = [(r, r.condition_on_memory(r.encode_image(PICTURE), None)) for r in runtimes]
    torchs, onnxs = (runtime.decode_prompts(start, nothing) for runtime, start in starts)
    assert_same(torchs, onnxs)
    assert onnxs.object_score < 0


def test_what_is_kept_comes_back_the_same(runtimes: tuple[Any, Any]) -> None:
    _, runtime = runtimes
    features, (bank,) = tracked(runtime)
    memory = bank.memories[0][1]
    assert features.on_host and memory.on_host
    for kept in (features.to_bytes(), features.host_copy()):
        again = runtime.features_from(kept)
        for before, after in zip(features.values, again.values, strict=True):
            assert np.array_equal(before.numpy(), after.numpy())
        assert again.nbytes == features.nbytes
    for kept in (memory.to_bytes(), memory.host_copy()):
        again = runtime.memory_from(kept)
        assert np.array_equal(again.upper, memory.upper) and again.nbytes == memory.nbytes
        assert np.array_equal(again.appearance.sums, memory.appearance.sums)
