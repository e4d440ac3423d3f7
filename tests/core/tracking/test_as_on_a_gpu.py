# SPDX-License-Identifier: GPL-3.0-or-later
"""What a GPU is asked for, without one: on a device that is not there, and by the CPU in a GPU's stead."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from rotopoint.checkpoints.configuration import load_configuration  # noqa: E402
from rotopoint.shot.frames import SourceFrame  # noqa: E402
from rotopoint.store import RecordLayout, TrackKey, TrackStore  # noqa: E402
from rotopoint.tracking.arrangement import Arrangement, Values  # noqa: E402
from rotopoint.tracking.cache import FeatureCache  # noqa: E402
from rotopoint.tracking.loop import SubjectTracker  # noqa: E402
from rotopoint.tracking.policy import Asked, policy_named  # noqa: E402
from rotopoint.tracking.precision import Precision  # noqa: E402
from rotopoint.tracking.preprocess import NORMALIZED, model_input  # noqa: E402
from rotopoint.tracking.records import SubjectRecords  # noqa: E402
from rotopoint.tracking.runtime import MemoryBank, PointPrompts  # noqa: E402
from rotopoint.tracking.sam2 import layers  # noqa: E402
from rotopoint.tracking.sam2.build import build_model  # noqa: E402
from rotopoint.tracking.sam2.runtime import Sam2Runtime  # noqa: E402
from rotopoint.tracking.sam2.transfer import from_device, normalized, to_device  # noqa: E402
from rotopoint.tracking.sam2.values import Sam2Features, Sam2Memory  # noqa: E402
from rotopoint.tracking.together import run_together  # noqa: E402
from tests.core.tracking.stand_in import DEVICE, StandIn, stand_in  # noqa: E402

HERE = Path(__file__).parent
MODELS = {
    "draft": HERE.parents[2] / "checkpoints" / "draft" / "draft.toml",
    "tiny": HERE.parents[2] / "checkpoints" / "sam2.1_tiny.toml",
    "small_hiera": HERE / "small_hiera.toml",
}

PICTURE = np.zeros((36, 64, 3), np.uint8)
PICTURES = 4
POINT = PointPrompts(np.array([[40, 50]], np.float32), np.array([1], np.int32))


@pytest.fixture
def device() -> Iterator[StandIn]:
    with stand_in() as noted:
        yield noted


def runtime(
    name: str = "draft",
    size: int = 192,
    kernels: Precision = Precision.BF16,
    arrangement: Arrangement | None = None,
) -> Sam2Runtime:
    configuration = replace(load_configuration(MODELS[name]), image_size=size)
    return Sam2Runtime(build_model(configuration), DEVICE, kernels, arrangement=arrangement)


def bank(memory: Sam2Memory, pointer: np.ndarray, prompted: int = 1) -> MemoryBank[Sam2Memory]:
    """Of four memories, so many of them of prompted pictures."""
    places = [0] * prompted + [1] * (4 - prompted)
    pointers = tuple((distance, pointer) for distance in (1, 2, 5))
    return MemoryBank(tuple((place, memory) for place in places), pointers, 16)


def begun(tracking: Sam2Runtime) -> tuple[Sam2Features, Sam2Memory, np.ndarray]:
    features = tracking.encode_image(PICTURE)
    answer = tracking.decode_prompts(tracking.condition_on_memory(features, None), POINT)
    return features, tracking.encode_memory(features, answer.logits, 1.0, prompted=True), answer.pointer


@pytest.mark.parametrize("name", ["draft", "tiny"])
def test_a_device_has_as_much_to_start_for_many_subjects_as_for_one(device: StandIn, name: str) -> None:
    """Also where they were prompted on other pictures."""
    tracking = runtime(name)
    features, memory, pointer = begun(tracking)

    def started(banks: list[MemoryBank[Sam2Memory]]) -> int:
        device.forget()
        tracking.decode_together(features, banks)
        return len(device.started)

    one = started([bank(memory, pointer)])
    assert started([bank(memory, pointer)] * 16) == one
    assert started([bank(memory, pointer, 1 + n % 3) for n in range(16)]) == one


@pytest.mark.parametrize("name", ["draft", "tiny"])
def test_a_device_has_as_much_to_start_for_a_large_picture_as_for_a_small_one(
    device: StandIn, name: str
) -> None:
    """Bands of tokens, heads one by one and rows of a hidden layer are for a processor's cache."""
    counts = []
    for size in (192, 1024):
        tracking = runtime(name, size)
        features, memory, pointer = begun(tracking)
        device.forget()
        tracking.decode_together(tracking.encode_image(PICTURE), [bank(memory, pointer)])
        counts.append(len(device.started))
    # Windows may need padding.
    assert abs(counts[0] - counts[1]) <= 30


@pytest.mark.parametrize("values", Values)
def test_all_heads_and_subjects_are_attended_to_at_once(device: StandIn, values: Values) -> None:
    tracking = runtime("tiny", 256, arrangement=Arrangement(values))
    features, memory, pointer = begun(tracking)
    device.forget()
    tracking.encode_image(PICTURE)
    everywhere = [(q, k) for q, k, _ in device.attended if k[-2] == 16 * 16]
    # Three blocks of its third stage look at the whole picture, with four heads of 96 channels.
    assert everywhere.count(((1, 4, 256, 96), (1, 4, 256, 96))) == 3
    device.forget()
    tracking.decode_together(features, [bank(memory, pointer)] * 5)
    width = {Values.FACTORED: 64, Values.WHOLE: 256}[values]
    keys = 4 * 256 + 3 * 4
    to_memories = [shapes for shapes in device.attended if shapes[1][-2] == keys]
    assert to_memories == [((5, 1, 256, 256), (5, 1, keys, 256), (5, 1, keys, width))] * 4
    assert all(len(shape) == 4 for shapes in device.attended for shape in shapes)


def tracked(tracking: Sam2Runtime, subjects: int, folder: Path) -> int:
    """How many pictures of subjects come of a track."""
    policy = policy_named("default")
    shape = tracking.shape
    layout = RecordLayout(shape.logit_size, shape.pointer_size, policy.logit_type)
    positions = [SourceFrame(n) for n in range(PICTURES)]
    cache = FeatureCache(tracking, lambda frame: PICTURE)
    asked, work = Asked((0,)), []
    with ExitStack() as files:
        for number in range(subjects):
            key = TrackKey("clip", str(number), "prompts", "model", "default", "srgb")
            records = files.enter_context(
                SubjectRecords(TrackStore(folder), layout, positions, lambda _, key=key: key, write=True)
            )
            given = str(number), tracking, cache, positions, asked, {0: POINT}, policy, records
            tracker = SubjectTracker(*given)
            work.append((tracker, tracker.steps(0, PICTURES - 1)))
        return sum(1 for _ in run_together(tracking, work))


@pytest.mark.parametrize("subjects", [1, 3])
def test_the_next_picture_is_encoded_before_an_answer_is_waited_for(
    device: StandIn, tmp_path: Path, subjects: int
) -> None:
    """And nothing else is waited for: one stop a picture, and one for each prompt."""
    tracking = runtime()
    encoder = tracking._encoder

    def noting(image):
        device.order.append("encoder")
        return encoder(image)

    tracking._encoder = noting
    device.forget()
    assert tracked(tracking, subjects, tmp_path) == subjects * PICTURES
    prompts = ["encoder"] + ["answer", "waited"] * subjects
    between = ["answer", "encoder", "waited"] * (PICTURES - 2)
    assert device.order == prompts + ["encoder"] + between + ["answer", "waited"]
    assert device.waits == []


def test_the_stand_in_notes_what_a_device_is_waited_for(device: StandIn) -> None:
    there = torch.zeros(3, device=DEVICE)
    for wait in (
        lambda: torch.zeros(3).to(DEVICE),
        lambda: torch.zeros(3).to(DEVICE, non_blocking=True),
        lambda: torch.zeros(3).pin_memory().to(DEVICE),
        lambda: torch.tensor([1.0], device=DEVICE),
        lambda: there.cpu(),
        lambda: there.to("cpu", torch.float64),
        lambda: torch.empty(3).copy_(there, non_blocking=True),
        lambda: torch.empty(3, pin_memory=True).copy_(there),
    ):
        device.forget()
        wait()
        assert len(device.waits) == 1
    for impossible in (lambda: there.sum().item(), lambda: bool(there.any()), lambda: there[there > 0]):
        with pytest.raises((NotImplementedError, RuntimeError)):
            impossible()
    device.forget()
    torch.zeros(3).pin_memory().to(DEVICE, non_blocking=True)
    torch.empty(3, pin_memory=True).copy_(there, non_blocking=True)
    assert device.waits == []


@pytest.mark.parametrize(
    ("name", "kernels"),
    [("draft", Precision.BF16), ("small_hiera", Precision.FP32), ("draft", Precision.FP16)],
)
def test_a_device_needs_no_float64(device: StandIn, name: str, kernels: Precision, tmp_path: Path) -> None:
    """Apple's GPUs have none, neither to load a model nor to run it."""
    assert tracked(runtime(name, kernels=kernels), 2, tmp_path) == 2 * PICTURES
    assert torch.float64 not in device.types and torch.complex128 not in device.types
    assert (torch.bfloat16 in device.types) and torch.float32 in device.types


def test_pictures_go_up_as_bytes(device: StandIn) -> None:
    tracking, sent = runtime(), []
    pin = torch.Tensor.pin_memory

    def noting(tensor):
        sent.append((tensor.dtype, tuple(tensor.shape)))
        return pin(tensor)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(torch.Tensor, "pin_memory", noting)
        tracking.encode_image(PICTURE)
    assert sent == [(torch.uint8, (192, 192, 3))]


def test_a_picture_is_normalized_to_the_same_bits() -> None:
    picture = np.random.default_rng(5).integers(0, 256, (16, 16, 3), np.uint8)
    cpu = torch.device("cpu")
    there = normalized(to_device(picture, cpu), to_device(NORMALIZED.T, cpu))
    assert np.array_equal(from_device(there), model_input(picture, 16))


def test_arrays_for_reading_alone_go_to_a_device() -> None:
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    array.flags.writeable = False
    assert to_device(array[:, ::2], torch.device("cpu")).tolist() == [[0, 2], [3, 5]]


def answers(kernels: Precision, arrangement: Arrangement | None, seed: int = 3) -> list[np.ndarray]:
    """Features, a first answer, and what three subjects say that were prompted on other pictures."""
    torch.manual_seed(seed)
    configuration = replace(load_configuration(MODELS["small_hiera"]), image_size=192)
    tracking = Sam2Runtime(build_model(configuration), "cpu", kernels, arrangement=arrangement)
    random = np.random.default_rng(seed)
    noise = random.integers(0, 256, (2, 12, 16, 3), np.uint8).repeat(20, 1).repeat(20, 2)
    first, second = (tracking.encode_image(picture) for picture in noise)
    answer = tracking.decode_prompts(tracking.condition_on_memory(first, None), POINT)
    logits = 5 * random.standard_normal((48, 48)).astype(np.float32)
    memories = [tracking.encode_memory(f, logits, 1.0, prompted=f is first) for f in (first, second)]
    pointers = ((1, answer.pointer), (4, -answer.pointer))
    banks = [
        MemoryBank(((place, memories[0]), (other, memories[1])), pointers, 16)
        for place, other in ((0, 1), (0, 0), (0, 1))
    ]
    features = [maps.float().numpy() for maps in (second.top, second.begun, *second.high_resolution)]
    fused = tracking._attention.finish(second.begun, tracking._attended(banks)).numpy()
    return [*features, answer.logits, fused, *(d.logits for d in tracking.decode_together(second, banks))]


def error(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))


@pytest.fixture(scope="module")
def expected() -> list[np.ndarray]:
    return answers(Precision.FP32, None)


ALLOWED = {Precision.FP32: 1e-5, Precision.BF16: 3e-2, Precision.FP16: 4e-3}
"""How far a result may be off, as a part of its own size."""


@pytest.mark.parametrize("values", Values)
@pytest.mark.parametrize("kernels", ALLOWED)
def test_work_that_is_not_cut_gives_the_same(
    kernels: Precision, values: Values, expected: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The CPU in a GPU's stead, beside itself in float32 as it always works."""
    monkeypatch.setattr(layers, "IN_BLOCKS", frozenset())
    found = answers(kernels, Arrangement(values))
    assert [f.shape for f in found] == [e.shape for e in expected]
    assert max(error(f, e) for f, e in zip(found, expected, strict=True)) < ALLOWED[kernels]
