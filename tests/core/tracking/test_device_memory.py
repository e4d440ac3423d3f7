# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens where a device's memory is short, with a device that says so."""

from __future__ import annotations

import errno
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
safetensors = pytest.importorskip("safetensors")

from rotopoint.checkpoints import resolve  # noqa: E402
from rotopoint.errors import DeviceMemoryShort  # noqa: E402
from rotopoint.messages import explain  # noqa: E402
from rotopoint.tracking.cache import Kept  # noqa: E402
from rotopoint.tracking.engine import Engine, load_engine  # noqa: E402
from rotopoint.tracking.limits import MemoryLimits  # noqa: E402
from rotopoint.tracking.runtime import Decoded, MemoryBank  # noqa: E402
from rotopoint.tracking.sam2 import device_memory  # noqa: E402
from rotopoint.tracking.sam2.device_memory import (  # noqa: E402
    LONGEST_CARE,
    STEPS_OF_CARE,
    Care,
    is_memory_short,
)
from tests.core.tracking.fake_runtime import FakeBytes  # noqa: E402
from tests.core.tracking.short_memory import ShortMemory  # noqa: E402

PICTURE = np.zeros((8, 8, 3), np.uint8)


@pytest.fixture
def engine() -> Engine:
    return load_engine(resolve("draft"), "cpu", 1, "fp32")


SHORT = [
    torch.OutOfMemoryError("CUDA out of memory"),
    MemoryError(),
    RuntimeError(
        "[enforce fail at alloc_cpu.cpp:124] err == 0. DefaultCPUAllocator: can't allocate memory: you"
    ),
    RuntimeError(
        "[enforce fail at alloc_cpu.cpp:124] data. DefaultCPUAllocator: not enough memory: you tried"
    ),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    RuntimeError("MPS backend out of memory (MPS allocated: 9.05 GB)"),
    RuntimeError("CUDA error: out of memory"),
    RuntimeError("CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`"),
    RuntimeError("cuDNN error: CUDNN_STATUS_NOT_SUPPORTED. This error may appear if you passed in a"),
    RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"),
    RuntimeError("GET was unable to find an engine to execute this computation"),
    RuntimeError("HIP out of memory. Tried to allocate 20.00 MiB."),
    RuntimeError("HIP error: hipErrorOutOfMemory"),
    RuntimeError("CUDA error: HIPBLAS_STATUS_ALLOC_FAILED when calling `hipblasCreate(handle)`"),
    RuntimeError("miopenStatusAllocFailed"),
    OSError(errno.ENOMEM, "Cannot allocate memory"),
    OSError("The paging file is too small for this operation to complete. (os error 1455)"),
    safetensors.SafetensorError("Error while deserializing: Cannot allocate memory (os error 12)"),
]


@pytest.mark.parametrize("error", SHORT, ids=str)
def test_memory_that_is_short_while_loading_is_one_line(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refusing(*_: object) -> None:
        raise error

    monkeypatch.setattr("rotopoint.tracking.sam2.backend.load_weights", refusing)
    with pytest.raises(DeviceMemoryShort) as raised:
        load_engine(resolve("draft"), "cpu", 1, "fp32")
    assert "\n" not in explain(raised.value)
    assert (raised.value.device, raised.value.checkpoint) == ("cpu", "draft")


@pytest.mark.parametrize("error", SHORT, ids=str)
def test_a_file_that_memory_is_too_short_for_is_not_called_broken(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refusing(_: Path) -> None:
        raise error

    monkeypatch.setattr("safetensors.torch.load_file", refusing)
    with pytest.raises(DeviceMemoryShort):
        load_engine(resolve("draft"), "cpu", 1, "fp32")


@pytest.mark.parametrize("share", [0.0, 0.5, 0.9])
def test_memory_may_run_out_at_any_time_while_loading(share: float) -> None:
    draft = resolve("draft")
    with ShortMemory(lambda number: False) as enough:
        load_engine(draft, "cpu", 1, "fp32")
    first = int(share * enough.calls)
    with pytest.raises(DeviceMemoryShort), ShortMemory(lambda number: number >= first):
        load_engine(draft, "cpu", 1, "fp32")


@pytest.mark.parametrize("error", SHORT, ids=str)
def test_memory_that_is_short_while_running_is_the_same_however_it_is_said(
    engine: Engine, error: Exception
) -> None:
    with pytest.raises(DeviceMemoryShort), engine.memory_watched():
        raise error


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("CUDA error: an illegal memory access was encountered"),
        RuntimeError("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasGemmEx`"),
        RuntimeError("cuDNN error: CUDNN_STATUS_BAD_PARAM"),
        OSError(errno.ENOSPC, "No space left on device"),
        ValueError("out of memory"),
    ],
    ids=str,
)
def test_what_only_looks_like_it_is_no_lack_of_memory(error: Exception) -> None:
    assert not is_memory_short(error)


def test_other_faults_are_not_taken_for_a_lack_of_memory(engine: Engine) -> None:
    with pytest.raises(RuntimeError, match="shapes"), engine.memory_watched():
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")


def test_what_cannot_be_allocated_in_earnest_is_a_lack_of_memory(engine: Engine) -> None:
    with pytest.raises(DeviceMemoryShort), engine.memory_watched():
        torch.empty(1 << 60, dtype=torch.uint8)


def refuse(engine: Engine, times: int) -> list[int]:
    """The device refuses to encode so many times; the list grows with each attempt."""
    encode, attempts = engine.runtime._encoder, []

    def refusing(image):
        attempts.append(len(attempts))
        if len(attempts) <= times:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return encode(image)

    engine.runtime._encoder = refusing
    return attempts


def test_what_is_kept_makes_room_and_the_work_goes_on(engine: Engine, tmp_path: Path) -> None:
    kept = Kept(MemoryLimits(10_000, 10_000), tmp_path)
    kept.put("other", FakeBytes(b"x" * 100))
    attempts = refuse(engine, times=1)
    engine.runtime.relieve = kept.leave_memory
    with engine.memory_watched():
        engine.runtime.encode_image(PICTURE)
    assert len(attempts) == 2
    assert kept.memory_used == 0 and kept.disk_used > 0
    kept.close()


def test_where_nothing_helps_a_checkpoint_that_would_fit_is_named(engine: Engine) -> None:
    refuse(engine, times=9)
    with pytest.raises(DeviceMemoryShort) as raised, engine.memory_watched():
        engine.runtime.encode_image(PICTURE)
    assert raised.value.smaller is None
    assert explain(raised.value) == "cpu has too little memory for draft; close other programs"
    assert (
        explain(DeviceMemoryShort("cuda", "large", "base_plus"))
        == "cuda has too little memory for large; choose the checkpoint base_plus, or choose the device cpu"
    )


def test_subjects_that_do_not_fit_together_go_in_halves(engine: Engine) -> None:
    """The device holds the attention of two subjects, not of five."""
    attention, sizes = engine.runtime._attention.finish, []

    def finish(begun, subjects):
        sizes.append(len(subjects))
        if len(subjects) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return attention(begun, subjects)

    engine.runtime._attention.finish = finish
    engine.runtime.subjects_at_once = 5
    features = engine.runtime.encode_image(PICTURE)
    memory = engine.runtime.encode_memory(features, np.zeros((96, 96), np.float32), 1.0, prompted=True)
    bank = MemoryBank(((0, memory),), (), 2)
    with engine.memory_watched():
        answers = engine.runtime.decode_together(features, [bank] * 5)
    assert len(answers) == 5
    # Each is tried once more with what is kept out of the way.
    assert sizes == [5, 5, 2, 3, 3, 1, 2]
    assert engine.runtime.subjects_at_once == 1


def picture(number: int) -> np.ndarray:
    return np.random.default_rng(number).integers(0, 256, (48, 64, 3)).astype(np.uint8)


def worked(engine: Engine) -> list[Decoded]:
    """What two subjects give on the last of three pictures, each remembering the two before."""
    runtime = engine.runtime
    banks = []
    for subject in (1.0, -1.0):
        memories = []
        for number in range(2):
            features = runtime.encode_image(picture(number))
            logits = np.full((96, 96), subject + number, np.float32)
            memories.append((number, runtime.encode_memory(features, logits, 1.0, prompted=number == 0)))
        banks.append(MemoryBank(tuple(memories), ((1, np.ones(runtime.shape.pointer_size, np.float32)),), 2))
    features = runtime.encode_image(picture(2))
    alone = runtime.decode_prompts(runtime.condition_on_memory(features, banks[0]), None)
    return [alone, *runtime.decode_together(features, banks)]


def same(mine: list[Decoded], theirs: list[Decoded]) -> bool:
    return len(mine) == len(theirs) and all(
        np.array_equal(a.logits, b.logits) and np.array_equal(a.pointer, b.pointer)
        for a, b in zip(mine, theirs, strict=True)
    )


def test_a_shortage_at_any_call_costs_time_alone(engine: Engine) -> None:
    """The work is done once more with all that can be made again out of the way, keys among it."""
    with ShortMemory(lambda number: False) as enough:
        expected = worked(engine)
    step = max(enough.calls // 12, 1)
    for chosen in range(0, enough.calls, step):
        with ShortMemory(lambda number, chosen=chosen: number == chosen) as short:
            assert same(worked(engine), expected), f"call {chosen} of {enough.calls}"
        assert short.calls > chosen


def test_memories_of_work_in_progress_let_go_of_their_keys(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device_memory, "STEPS_OF_CARE", 3)
    runtime = engine.runtime
    runtime._care = Care()
    features = runtime.encode_image(picture(0))
    memory = runtime.encode_memory(features, np.ones((96, 96), np.float32), 1.0, prompted=True)
    bank = MemoryBank(((0, memory),), (), 2)
    before = runtime.condition_on_memory(features, bank).places
    assert memory.nbytes > 4 * memory.spatial.nbytes
    attempts = refuse(engine, times=1)
    runtime.encode_image(PICTURE)
    assert len(attempts) == 2 and memory.nbytes == memory.spatial.nbytes
    assert torch.equal(runtime.condition_on_memory(features, bank).places, before)
    # Memory may still be short: keys are made for the moment.
    assert memory.nbytes == memory.spatial.nbytes
    another = runtime.encode_memory(features, np.ones((96, 96), np.float32), 1.0, prompted=True)
    assert another.nbytes == another.spatial.nbytes
    while runtime._care.taken:
        runtime.condition_on_memory(features, bank)
    runtime.condition_on_memory(features, bank)
    assert memory.nbytes > 4 * memory.spatial.nbytes


def steps(care: Care, at_once: int, most: int, count: int) -> int:
    """How many are worked on at once after so many subjects' steps that went well."""
    for _ in range(count):
        at_once = care.went_well(1, at_once, most)
    return at_once


def test_subjects_at_once_go_up_again_after_a_while() -> None:
    care = Care()
    assert steps(care, 16, 16, 10 * STEPS_OF_CARE) == 16 and not care.taken
    care.short()
    assert care.taken
    assert steps(care, 4, 16, STEPS_OF_CARE - 1) == 4
    assert care.went_well(1, 4, 16) == 8
    assert steps(care, 8, 16, STEPS_OF_CARE) == 16
    assert not care.taken


def test_where_more_was_too_early_it_is_tried_later() -> None:
    care = Care()
    waits = []
    for _ in range(8):
        care.short()
        waits.append(next(n for n in range(1, 2 * LONGEST_CARE) if care.went_well(1, 8, 16) == 16))
    assert waits == [STEPS_OF_CARE * 2 ** min(n, 4) for n in range(8)]


def test_subjects_that_were_halved_are_decoded_together_again(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A device that had too little memory for four subjects for a moment."""
    monkeypatch.setattr(device_memory, "STEPS_OF_CARE", 6)
    runtime = engine.runtime
    runtime._care = Care()
    runtime._most_at_once = runtime.subjects_at_once = 4
    features = runtime.encode_image(picture(0))
    memory = runtime.encode_memory(features, np.ones((96, 96), np.float32), 1.0, prompted=True)
    banks = [MemoryBank(((0, memory),), (), 2)] * 4
    finish, refused = runtime._attention.finish, []

    def short_for_a_moment(begun: torch.Tensor, subjects: list) -> torch.Tensor:
        if len(subjects) > 2 and len(refused) < 2:
            refused.append(len(subjects))
            raise torch.OutOfMemoryError("CUDA out of memory")
        return finish(begun, subjects)

    runtime._attention.finish = short_for_a_moment
    runtime.decode_together(features, banks)
    assert runtime.subjects_at_once == 2
    runtime.decode_together(features, banks[:2])
    assert runtime.subjects_at_once == 4
    assert len(runtime.decode_together(features, banks)) == 4
