# SPDX-License-Identifier: GPL-3.0-or-later
"""Precision of our own give what the package's modules give."""

from __future__ import annotations

import copy
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from rotopoint.checkpoints import resolve  # noqa: E402
from rotopoint.checkpoints.configuration import Calibration, ModelConfiguration, load_configuration  # noqa: E402
from rotopoint.errors import KernelsOverflow  # noqa: E402
from rotopoint.messages import explain  # noqa: E402
from rotopoint.tracking.engine import load_engine  # noqa: E402
from rotopoint.tracking.runtime import MemoryBank, PointPrompts  # noqa: E402
from rotopoint.tracking.sam2 import convolutions, layers, memory_attention  # noqa: E402
from rotopoint.tracking.sam2.build import build_model  # noqa: E402
from rotopoint.tracking.sam2.heads import Heads, Take, calibrated, mean_coverage  # noqa: E402
from rotopoint.tracking.sam2.image_encoder import ImageEncoder  # noqa: E402
from rotopoint.tracking.sam2.layers import Linear, attend  # noqa: E402
from rotopoint.tracking.sam2.mask_decoder import MaskDecoder, PackageDecoder  # noqa: E402
from rotopoint.tracking.sam2.memory_attention import MemoryAttention  # noqa: E402
from rotopoint.tracking.sam2.memory_encoder import MemoryEncoder  # noqa: E402
from rotopoint.tracking.sam2.memory_keys import AttendedKeys, KeyMaps, WholeKeys  # noqa: E402
from rotopoint.tracking.sam2.row_keys import RowKeys  # noqa: E402
from rotopoint.tracking.sam2.runtime import Sam2Runtime  # noqa: E402
from rotopoint.tracking.sam2.weights import load_weights  # noqa: E402

CHECKPOINTS = Path(__file__).parents[3] / "checkpoints"

PRECISIONS = [(torch.float32, 1e-5), (torch.bfloat16, 2e-2), (torch.float16, 3e-3)]
"""With how far a result may be off, as a part of its own size."""


def shape(name: str, size: int) -> ModelConfiguration:
    folder = Path(__file__).parent if name == "small_hiera" else CHECKPOINTS
    return replace(load_configuration(folder / f"{name}.toml"), image_size=size)


def trained(size: int) -> Any:
    """The draft model, which knows what it sees: with random weights all three masks are alike."""
    model = build_model(shape("draft/draft", size))
    load_weights(model, resolve("draft").path)
    return model


def error(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    return float((ours.float() - theirs).norm() / theirs.norm())


@pytest.mark.parametrize(("dtype", "allowed"), PRECISIONS)
@pytest.mark.parametrize(
    ("name", "size"), [("draft/draft", 192), ("draft/draft", 320), ("sam2.1_tiny", 320), ("small_hiera", 192)]
)
@torch.inference_mode()
def test_the_image_encoder_is_the_packages(name: str, size: int, dtype: torch.dtype, allowed: float) -> None:
    """320 pixels are no multiple of the windows, whose edges are padded."""
    torch.manual_seed(1)
    model = build_model(shape(name, size))
    image = torch.randn(3, size, size)
    theirs = model.forward_image(image[None])["backbone_fpn"]
    ours = ImageEncoder(model.image_encoder, model.sam_mask_decoder, size, dtype)(image)
    assert [o.shape for o in ours] == [t.shape for t in theirs]
    assert max(error(o, t) for o, t in zip(ours, theirs, strict=True)) < allowed


@pytest.mark.parametrize(("dtype", "allowed"), PRECISIONS)
@torch.inference_mode()
def test_convolutions_that_cannot_be_fused_give_the_same(
    dtype: torch.dtype, allowed: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, image = trained(192), torch.rand(3, 192, 192)
    fused = ImageEncoder(model.image_encoder, model.sam_mask_decoder, 192, dtype)(image)
    monkeypatch.setattr(layers, "packs_weights", lambda weight: False)
    monkeypatch.setattr(convolutions, "packs_weights", lambda weight: False)
    plain = ImageEncoder(model.image_encoder, model.sam_mask_decoder, 192, dtype)(image)
    assert max(error(p, f.float()) for p, f in zip(plain, fused, strict=True)) < allowed


@pytest.mark.parametrize(("dtype", "allowed"), PRECISIONS)
@pytest.mark.parametrize("pointers", [0, 6])
@pytest.mark.parametrize("by_row", [False, True], ids=["whole keys", "keys by row"])
@torch.inference_mode()
def test_memory_attention_is_the_packages(
    by_row: bool, pointers: int, dtype: torch.dtype, allowed: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory_attention, "_suits_rows", lambda maps, dtype: by_row)
    torch.manual_seed(2)
    model = build_model(shape("draft/draft", 192))
    side, channels = 12, 128
    top = torch.randn(1, channels, side, side)
    position = model.image_encoder.neck.position_encoding(top).flatten(2).permute(2, 0, 1)
    memories = [torch.randn(1, 64, side, side) for _ in range(2)]
    memory_position = model.memory_encoder.position_encoding(memories[0]).flatten(2).permute(2, 0, 1)
    pieces, distances = torch.randn(2, pointers, 64)
    places = (1, 0)
    tokens = [m.flatten(2).permute(2, 0, 1) for m in memories]
    theirs = model.memory_attention(
        curr=[top.flatten(2).permute(2, 0, 1)],
        curr_pos=[position],
        memory=torch.cat([*tokens, pieces[:, None]]),
        memory_pos=torch.cat(
            [*(memory_position + model.maskmem_tpos_enc[p] for p in places), distances[:, None]]
        ),
        num_obj_ptr_tokens=pointers,
    )[:, 0]
    attention = MemoryAttention(
        model.memory_attention, position, memory_position, model.maskmem_tpos_enc[:, 0, 0], dtype
    )
    attended = AttendedKeys(
        [(p, attention.memory_keys(m)) for p, m in zip(places, memories, strict=True)],
        attention.pointer_keys(pieces, distances) if pointers else None,
    )
    (ours,) = attention.finish(attention.begin(top), [attended])
    assert error(ours, theirs) < allowed


@pytest.mark.parametrize("kernels", ["fp32", "bf16", "fp16"])
def test_subjects_are_decoded_together_as_alone(kernels: str) -> None:
    runtime = load_engine(resolve("draft"), "cpu", 1, kernels).runtime
    random = np.random.default_rng(9)
    noise = random.integers(0, 256, (3, 12, 16, 3), np.uint8).repeat(30, 1).repeat(30, 2)
    pictures = [runtime.encode_image(picture) for picture in noise]
    banks = []
    for x in (100.0, 200.0, 300.0):
        point = PointPrompts(np.array([[x, x]], np.float32), np.array([1], np.int32))
        answer = runtime.decode_prompts(runtime.condition_on_memory(pictures[0], None), point)
        memories = [
            (place, runtime.encode_memory(features, answer.logits, answer.object_score, place == 0))
            for place, features in enumerate(pictures[:2])
        ]
        banks.append(MemoryBank(tuple(memories), ((1, answer.pointer), (2, answer.pointer)), 3))
    together = runtime.decode_together(pictures[2], banks)
    alone = [runtime.decode_prompts(runtime.condition_on_memory(pictures[2], bank), None) for bank in banks]
    allowed = {"fp32": 1e-4, "bf16": 5e-2, "fp16": 1e-2}[kernels]
    for one, other in zip(together, alone, strict=True):
        assert np.abs(one.logits - other.logits).max() <= allowed * np.abs(other.logits).max()
        assert np.abs(one.pointer - other.pointer).max() <= allowed * np.abs(other.pointer).max()
        assert abs(one.predicted_iou - other.predicted_iou) <= allowed


@pytest.mark.parametrize(("dtype", "allowed"), PRECISIONS)
@torch.inference_mode()
def test_the_memory_encoder_is_the_packages(dtype: torch.dtype, allowed: float) -> None:
    torch.manual_seed(5)
    encoder = build_model(shape("draft/draft", 192)).memory_encoder
    for block in encoder.fuser.layers:
        # As it comes, a block adds next to nothing.
        block.gamma.fill_(0.5)
    top, mask = torch.randn(1, 128, 12, 12), 10 * torch.randn(192, 192)
    theirs = encoder(top, mask[None, None], skip_mask_sigmoid=True)["vision_features"]
    assert error(MemoryEncoder(encoder, dtype)(top, mask), theirs) < allowed


@pytest.mark.parametrize(("dtype", "allowed"), PRECISIONS)
@pytest.mark.parametrize("subjects", [1, 3])
@torch.inference_mode()
def test_the_mask_decoder_is_the_packages(subjects: int, dtype: torch.dtype, allowed: float) -> None:
    torch.manual_seed(6)
    model = build_model(shape("draft/draft", 192))
    decoder, encoder = model.sam_mask_decoder, model.sam_prompt_encoder
    points = 192 * torch.rand(subjects, 2, 2), torch.tensor([[1, 0]] * subjects, dtype=torch.int32)
    sparse, dense = encoder(points=points, boxes=None, masks=torch.randn(subjects, 1, 48, 48))
    fused, position = torch.randn(subjects, 128, 12, 12), encoder.get_dense_pe()
    finer = [torch.randn(1, 16, 48, 48), torch.randn(1, 32, 24, 24)]
    logits, iou, tokens, score = decoder.predict_masks(
        image_embeddings=fused,
        image_pe=position,
        sparse_prompt_embeddings=sparse,
        dense_prompt_embeddings=dense,
        repeat_image=False,
        high_res_features=finer,
    )
    ours = MaskDecoder(decoder, position[0].flatten(1).t(), dtype)(
        (fused + dense).flatten(2).mT, tuple(maps.to(dtype) for maps in finer), sparse
    )
    assert error(ours.logits, logits) < allowed
    assert error(ours.tokens, tokens) < allowed
    scores = torch.cat([ours.predicted_iou, ours.object_score], 1)
    assert error(scores, torch.cat([iou, score], 1)) < allowed


PROMPTS = {
    "nothing": (None, False),
    "a point": ([[60.0, 70.0]], False),
    "points": ([[60.0, 70.0], [100.0, 90.0], [20.0, 20.0]], False),
    "points on a mask": ([[60.0, 70.0], [100.0, 90.0]], True),
}


@pytest.mark.parametrize("delta", [0.05, 30.0], ids=["stable", "not stable"])
@pytest.mark.parametrize("prompts", PROMPTS.values(), ids=PROMPTS)
@torch.inference_mode()
def test_the_choice_among_masks_is_the_packages(
    prompts: tuple[list[list[float]] | None, bool], delta: float
) -> None:
    torch.manual_seed(7)
    model = trained(192)
    model.sam_mask_decoder.dynamic_multimask_stability_delta = delta
    xy, with_mask = prompts
    top, earlier = torch.randn(1, 128, 12, 12), 5 * torch.randn(1, 1, 48, 48) if with_mask else None
    finer = (torch.randn(1, 16, 48, 48), torch.randn(1, 32, 24, 24))
    points = None if xy is None else (torch.tensor([xy]), torch.ones(1, len(xy), dtype=torch.int32))
    asked = None if points is None else {"point_coords": points[0], "point_labels": points[1]}
    several = xy is None or len(xy) == 1
    take = Take.BEST if several else Take.STABLE
    _, _, iou, logits, _, pointer, score = model._forward_sam_heads(
        top, asked, earlier, list(finer), multimask_output=several
    )
    ours = Heads(model, torch.float32).decode(top.flatten(2).mT, finer, points, earlier, take)
    assert torch.allclose(ours.logits, logits[:, 0], atol=1e-4)
    assert torch.allclose(ours.pointer, pointer, atol=1e-5)
    assert torch.allclose(ours.object_score, score, atol=1e-5)
    assert ours.predicted_iou == iou.max()


@torch.inference_mode()
def test_each_of_the_packages_three_masks_can_be_taken() -> None:
    torch.manual_seed(7)
    model = trained(192)
    top, finer = torch.randn(1, 128, 12, 12), (torch.randn(1, 16, 48, 48), torch.randn(1, 32, 24, 24))
    points = torch.tensor([[[60.0, 70.0]]]), torch.ones(1, 1, dtype=torch.int32)
    asked = {"point_coords": points[0], "point_labels": points[1]}
    logits, _, iou, *_ = model._forward_sam_heads(top, asked, None, list(finer), multimask_output=True)
    heads, places = Heads(model, torch.float32, CALIBRATION), top.flatten(2).mT
    taken = [heads.decode(places, finer, points, None, Take.MEAN, candidate=n) for n in (1, 2, 3)]
    assert torch.allclose(torch.stack([t.logits for t in taken], 1), logits, atol=1e-4)
    assert torch.allclose(torch.stack([t.predicted_iou for t in taken], 1), iou, atol=1e-5)
    best = heads.decode(places, finer, points, None, Take.BEST)
    same = taken[int(iou[0].argmax())]
    assert torch.equal(best.logits, same.logits) and torch.equal(best.pointer, same.pointer)


@torch.inference_mode()
def test_a_candidate_counts_where_the_model_offers_several() -> None:
    torch.manual_seed(9)
    runtime = Sam2Runtime(trained(192), calibration=CALIBRATION)
    start = runtime.condition_on_memory(runtime.encode_tensor(torch.randn(3, 192, 192)), None)

    def answers(xy: list[list[float]]) -> list[bytes]:
        labels = np.ones(len(xy), np.int32)
        asked = [PointPrompts(np.array(xy, np.float32), labels, candidate) for candidate in range(4)]
        return [runtime.decode_prompts(start, one, calibrates=True).logits.tobytes() for one in asked]

    assert len(set(answers([[60, 70]]))) == 4
    assert len(set(answers([[60, 70], [90, 90]]))) == 1


def test_the_mean_of_masks_follows_their_chances() -> None:
    """Two masks of three places: the first is said to be 0.2 better, which at a spread of 0.1 is e^2 times as
    likely."""
    logits = torch.tensor([[[[20.0, 20.0, -20.0]], [[20.0, -20.0, -20.0]]]])
    coverage = mean_coverage(logits, torch.tensor([[0.8, 0.6]]), spread=0.1)
    likelier = torch.tensor(2.0).sigmoid().item()
    assert coverage.flatten().tolist() == pytest.approx([1.0, likelier, 0.0], abs=1e-6)


CALIBRATION = Calibration(spread=0.2, level=0.4, sure=1.1)


@torch.inference_mode()
def test_calibrated_masks_are_cut_at_the_level() -> None:
    torch.manual_seed(7)
    model = trained(192)
    heads = Heads(model, torch.float32, CALIBRATION)
    top, finer = torch.randn(1, 128, 12, 12), (torch.randn(1, 16, 48, 48), torch.randn(1, 32, 24, 24))
    points = torch.tensor([[[60.0, 70.0]]]), torch.ones(1, 1, dtype=torch.int32)
    places = top.flatten(2).mT
    mean, best, single = (
        heads.decode(places, finer, points, None, take) for take in (Take.MEAN, Take.BEST, Take.SINGLE)
    )
    sparse, dense = model.sam_prompt_encoder(points=points, boxes=None, masks=None)
    answers = PackageDecoder(
        model.sam_mask_decoder, model.sam_prompt_encoder.get_dense_pe()[0].flatten(1).t()
    )(places + dense.flatten(2).mT, finer, sparse)
    three = mean_coverage(answers.logits[:, 1:], answers.predicted_iou[:, 1:], CALIBRATION.spread)
    assert torch.equal(mean.logits > 0, three > CALIBRATION.level)
    assert torch.equal(single.logits > 0, answers.logits[:, 0].sigmoid() > CALIBRATION.level)
    assert not torch.equal(mean.logits > 0, best.logits > 0)
    assert torch.isfinite(mean.logits).all()
    assert torch.equal(mean.pointer, best.pointer) and torch.equal(mean.predicted_iou, best.predicted_iou)
    assert torch.equal(single.predicted_iou, answers.predicted_iou[:, 0])


def test_a_sure_mask_answers_by_itself() -> None:
    """Of two subjects the first has a mask that is sure; of the second's two none is."""
    logits = torch.tensor([[[[5.0]], [[-5.0]]], [[[5.0]], [[-5.0]]]])
    said = torch.tensor([[0.2, 0.9], [0.2, 0.2]])
    found = calibrated(logits, said, Calibration(spread=0.1, level=0.4, sure=0.8))
    assert found.flatten().tolist() == pytest.approx([-5.0, -math.log(0.4 / 0.6)], abs=1e-5)


@torch.inference_mode()
def test_prompts_that_start_a_track_alone_are_calibrated() -> None:
    torch.manual_seed(9)
    model = trained(192)
    theirs = Sam2Runtime(copy.deepcopy(model))
    runtime = Sam2Runtime(model, calibration=CALIBRATION)
    features = runtime.encode_tensor(torch.randn(3, 192, 192))
    one = PointPrompts(np.array([[60, 70]], np.float32), np.array([1], np.int32))
    two = PointPrompts(np.array([[60, 70], [90, 90]], np.float32), np.array([1, 1], np.int32))
    start = runtime.condition_on_memory(features, None)
    first = runtime.decode_prompts(start, one)
    memory = runtime.encode_memory(features, first.logits, first.object_score, prompted=True)
    later = runtime.condition_on_memory(features, MemoryBank(((0, memory),), ((1, first.pointer),), 2))

    def differs(conditioned: Any, asked: PointPrompts | None) -> bool:
        ours, plain = (runtime.decode_prompts(conditioned, asked, calibrates=c) for c in (True, False))
        without = theirs.decode_prompts(conditioned, asked, calibrates=True)
        assert np.array_equal(plain.logits, without.logits)
        return not np.array_equal(ours.logits, plain.logits)

    soft, binary = (
        runtime.encode_memory(features, first.logits, first.object_score, True, calibrates=c).spatial
        for c in (True, False)
    )
    unprompted = runtime.encode_memory(features, first.logits, first.object_score, prompted=False).spatial
    assert torch.equal(soft, unprompted) and not torch.equal(soft, binary)
    assert [differs(start, one), differs(start, two)] == [True, True]
    assert [differs(later, one), differs(later, two), differs(later, None)] == [False, False, False]


@pytest.mark.parametrize("filled", [True, False])
@torch.inference_mode()
def test_a_given_mask_is_the_packages(filled: bool) -> None:
    torch.manual_seed(8)
    model = trained(192)
    mask = torch.zeros(1, 1, 192, 192)
    mask[..., 40:101, 50:90] = filled
    top, finer = torch.randn(1, 128, 12, 12), (torch.randn(1, 16, 48, 48), torch.randn(1, 32, 24, 24))
    _, _, iou, logits, _, pointer, score = model._use_mask_as_output(top, list(finer), mask)
    ours = Heads(model, torch.float32).given(top[0].flatten(1).t(), finer, mask)
    assert torch.allclose(ours.logits, logits[:, 0], atol=1e-4)
    assert torch.allclose(ours.pointer, pointer, atol=1e-5)
    assert torch.equal(ours.object_score, score) and ours.predicted_iou == iou.max()


@pytest.mark.parametrize(("dtype", "allowed"), [(torch.float32, 1e-5), (torch.bfloat16, 1e-2)])
@pytest.mark.parametrize("level", [0.0, 100.0, -100.0], ids=["", "near the top", "near nothing"])
def test_attention_in_blocks_is_attention(
    monkeypatch: pytest.MonkeyPatch, level: float, dtype: torch.dtype, allowed: float
) -> None:
    """A row whose scores all lie at a level that an exponential does not reach comes out as the others."""
    monkeypatch.setattr("rotopoint.tracking.sam2.layers.SCORES_AT_ONCE", 1)
    monkeypatch.setattr("rotopoint.tracking.sam2.layers.QUERIES_AT_ONCE", {dtype: 50})
    monkeypatch.setattr("rotopoint.tracking.sam2.layers.KEYS_AT_ONCE", 16)
    torch.manual_seed(3)
    queries, keys, values = (torch.randn(n, c).to(dtype) for n, c in ((150, 8), (40, 8), (40, 3)))
    keys[:, 0], queries[:, 0] = 1.0, 0.0
    queries[70, 0] = level
    expected = torch.softmax(queries.float() @ keys.float().t(), -1) @ values.float()
    found = attend(queries, keys, values).float()
    assert error(found, expected) < allowed
    # Scores around 100 are half a unit apart in bfloat16.
    coarse = dtype == torch.bfloat16 and level != 0
    assert torch.allclose(found[70], expected[70], atol=0.4 if coarse else 2 * allowed)


@pytest.mark.parametrize("bias", [0.3, 40.0], ids=["", "rows far apart"])
@pytest.mark.parametrize("scale", [0.3, 6.0], ids=["", "scores far apart"])
@torch.inference_mode()
def test_keys_by_row_are_whole_keys(scale: float, bias: float) -> None:
    """Also where exponentials do not reach and a softmax has to take their place."""
    torch.manual_seed(6)
    side, channels, width = 5, 16, 4
    angles = torch.arange(side)[:, None] * torch.tensor([1.0, 0.3, 0.1, 0.01])
    turns = torch.polar(torch.ones_like(angles), angles)
    table = torch.cat((turns.expand(side, -1, -1), turns[:, None].expand(-1, side, -1)), -1).flatten(0, 1)
    layers = tuple((torch.randn(channels, width), torch.randn(channels) * bias) for _ in range(2))
    maps = KeyMaps(layers, table, places=torch.randn(3, width))
    memories = torch.randn(2, side * side, width)
    pointers, queries = torch.randn(3, width), scale * torch.randn(2, 1, 70, channels)
    found = []
    for kind in (WholeKeys, RowKeys):
        keys = kind(maps, torch.float32)
        attended = AttendedKeys(
            [
                (2, keys.of_memory(memories[0], memories[0] + 1)),
                (0, keys.of_memory(memories[1], memories[1])),
            ],
            keys.of_pointers(pointers, pointers),
        )
        gathered = keys.gather([attended])
        found.append([gathered.attend(number, some) for number, some in enumerate(queries)])
    for whole, rows in zip(*found, strict=True):
        assert torch.allclose(whole, rows, atol=1e-3)


@pytest.mark.parametrize(
    ("channels", "width", "side", "dtype", "suits"),
    [
        (256, 64, 32, torch.float32, True),
        (256, 64, 31, torch.float32, False),
        (256, 64, 32, torch.bfloat16, False),
        (128, 64, 32, torch.float32, False),
    ],
    ids=["of Meta's", "over a small grid", "bfloat16 wants longer rows", "of the draft, which saves nothing"],
)
def test_rows_are_for_keys_that_they_save_products(
    channels: int, width: int, side: int, dtype: torch.dtype, suits: bool
) -> None:
    table = torch.ones(side * side, channels // 2, dtype=torch.complex64)
    maps = KeyMaps(((torch.zeros(channels, width), torch.zeros(channels)),), table, torch.zeros(4, width))
    assert memory_attention._suits_rows(maps, dtype) is suits


@pytest.mark.parametrize(("dtype", "allowed"), PRECISIONS)
def test_a_linear_layer_fuses_what_follows(dtype: torch.dtype, allowed: float) -> None:
    torch.manual_seed(4)
    x, weight, bias = torch.randn(50, 32), torch.randn(48, 32), torch.randn(48)
    layer = Linear(weight, bias, dtype)
    plain = torch.nn.functional.linear(x, weight, bias)
    assert error(layer(x.to(dtype)), plain) < allowed
    assert error(layer.relu(x.to(dtype)), plain.relu()) < allowed
    assert error(layer.gelu(x.to(dtype)), torch.nn.functional.gelu(plain)) < allowed


def test_numbers_that_leave_the_range_of_half_floats_are_told() -> None:
    """And no mask is made of them."""
    runtime = load_engine(resolve("draft"), "cpu", 1, "fp16").runtime
    features = runtime.encode_image(np.zeros((8, 8, 3), np.uint8))
    too_large = replace(features, top=torch.full_like(features.top, torch.inf))
    point = PointPrompts(np.array([[60, 70]], np.float32), np.array([1], np.int32))
    with pytest.raises(KernelsOverflow) as raised:
        runtime.decode_prompts(runtime.condition_on_memory(too_large, None), point)
    said = "this checkpoint's numbers are too large for fp16; choose --kernels fp32"
    assert explain(raised.value) == said


def test_one_step_in_bfloat16_gives_the_same_mask(footage: Path) -> None:
    """From the same memory, half a second later in the clip."""
    import av
    import cv2

    with av.open(str(footage / "clips" / "dog.mp4")) as container:
        decoded = container.decode(video=0)
        pictures = [next(decoded).to_ndarray(format="rgb24") for _ in range(13)]
    height, width = pictures[0].shape[:2]
    masks, memory = {}, b""
    for kernels in ("fp32", "bf16"):
        runtime = load_engine(resolve("draft"), "cpu", kernels=kernels).runtime
        size = runtime.shape.input_size
        point = PointPrompts(
            np.array([[590 * size / width, 440 * size / height]], np.float32), np.array([1], np.int32)
        )
        first = runtime.encode_image(pictures[0])
        answer = runtime.decode_prompts(runtime.condition_on_memory(first, None), point)
        if not memory:
            made = runtime.encode_memory(first, answer.logits, answer.object_score, prompted=True)
            memory, pointer = made.to_bytes(), answer.pointer
        bank = MemoryBank(((0, runtime.memory_from(memory)),), ((1, pointer),), 3)
        later = runtime.condition_on_memory(runtime.encode_image(pictures[-1]), bank)
        logits = runtime.decode_prompts(later, None).logits
        masks[kernels] = cv2.resize(logits, (width, height), interpolation=cv2.INTER_CUBIC) > 0
    both, either = (f(masks["fp32"], masks["bf16"]).sum() for f in (np.logical_and, np.logical_or))
    assert masks["fp32"].mean() > 0.01
    assert both / either >= 0.99
