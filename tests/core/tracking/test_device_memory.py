# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens where a device's memory is short, with a device that says so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from rotopoint.checkpoints import resolve  # noqa: E402
from rotopoint.errors import DeviceMemoryShort  # noqa: E402
from rotopoint.messages import explain  # noqa: E402
from rotopoint.tracking.cache import Kept  # noqa: E402
from rotopoint.tracking.engine import Engine, load_engine  # noqa: E402
from rotopoint.tracking.runtime import MemoryBank  # noqa: E402
from tests.core.tracking.fake_runtime import FakeBytes  # noqa: E402

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
]


@pytest.mark.parametrize("error", SHORT, ids=str)
def test_memory_that_is_short_while_loading_is_one_line(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refusing(*_: object) -> None:
        raise error

    monkeypatch.setattr("rotopoint.tracking.sam2.weights.load_weights", refusing)
    with pytest.raises(DeviceMemoryShort) as raised:
        load_engine(resolve("draft"), "cpu", 1, "fp32")
    assert "\n" not in explain(raised.value)
    assert (raised.value.device, raised.value.checkpoint) == ("cpu", "draft")


@pytest.mark.parametrize("error", SHORT, ids=str)
def test_memory_that_is_short_while_running_is_the_same_however_it_is_said(
    engine: Engine, error: Exception
) -> None:
    with pytest.raises(DeviceMemoryShort), engine.memory_watched():
        raise error


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
    kept = Kept(10_000, 10_000, tmp_path)
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
