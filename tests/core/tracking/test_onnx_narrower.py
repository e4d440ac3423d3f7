# SPDX-License-Identifier: GPL-3.0-or-later
"""Graphs in float16 and with weights of eight bits are smaller, and masks by them hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

import onnxruntime  # noqa: E402

from rotopoint.checkpoints import resolve  # noqa: E402
from rotopoint.tracking.onnx import graphs  # noqa: E402
from rotopoint.tracking.onnx.graph import GraphSession  # noqa: E402
from rotopoint.tracking.onnx.narrower import eight_bits, narrowed  # noqa: E402
from rotopoint.tracking.onnx.runtime import OnnxRuntime  # noqa: E402
from rotopoint.tracking.precision import Precision  # noqa: E402
from rotopoint.tracking.runtime import MemoryBank, PointPrompts  # noqa: E402

PICTURES = [np.full((90, 160, 3), 40, np.uint8) for _ in range(2)]
for _n, _picture in enumerate(PICTURES):
    _picture[20:60, 40 + 6 * _n : 90 + 6 * _n] = (230, 90, 40)

NARROWED = {
    Precision.FP32: (),
    Precision.FP16: graphs.NAMES,
    Precision.INT8: tuple(name for name in graphs.NAMES if name != graphs.IMAGE_ENCODER),
}


def test_weights_of_eight_bits_come_back_to_half_a_step() -> None:
    weight = np.array([[1.27, -0.635, 0.004], [0.0, 0.0, 0.0], [-254.0, 127.0, 1.0]], np.float32)
    narrow, scale = eight_bits(weight, 0)
    assert narrow[:, 0].tolist() == [127, 0, -127]
    assert scale == pytest.approx([0.01, 1.0, 2.0])
    for axis in (0, 1):
        narrow, scale = eight_bits(weight, axis)
        step = np.expand_dims(scale, 1 - axis)
        assert (np.abs(narrow * step - weight) <= step / 2 * 1.001).all()


def answers(folder: Path, precision: Precision, made: Path) -> list[np.ndarray]:
    """Logits of a click, and of the next picture by what is remembered of it."""

    def open_graph(name: str) -> GraphSession:
        content = graphs.file_of(folder, name).read_bytes()
        file = made / f"{precision.value} {name}.onnx"
        file.write_bytes(narrowed(content, precision) if name in NARROWED[precision] else content)
        return GraphSession(file, "CPUExecutionProvider", ("cpu", 0), 1)

    draft = resolve("draft")
    known = graphs.read_graphs("draft", draft.path, draft.identity)
    runtime = OnnxRuntime(draft.configuration, known.takes, open_graph, precision)
    features = runtime.encode_image(PICTURES[0])
    click = PointPrompts(np.array([[150, 160]], np.float32), np.array([1], np.int32))
    seen = runtime.decode_prompts(runtime.condition_on_memory(features, None), click, None, True)
    memory = runtime.encode_memory(features, seen.logits, seen.object_score, True, True)
    bank = MemoryBank(((0, memory),), ((1, seen.pointer),), 2)
    (followed,) = runtime.decode_together(runtime.encode_image(PICTURES[1]), [bank])
    return [seen.logits, followed.logits]


@pytest.mark.parametrize("precision", [Precision.FP16, Precision.INT8])
def test_masks_hold_in_fewer_bits(draft_graphs: Path, precision: Precision, tmp_path: Path) -> None:
    exact = answers(draft_graphs, Precision.FP32, tmp_path)
    for wanted, got in zip(exact, answers(draft_graphs, precision, tmp_path), strict=True):
        assert got.dtype == np.float32
        both = (wanted > 0) & (got > 0)
        assert (wanted > 0).sum() > 100
        assert both.sum() / ((wanted > 0) | (got > 0)).sum() > 0.98
    least = {Precision.FP16: 0.65, Precision.INT8: 0.55}[precision]
    for name in (graphs.MASK_DECODER, graphs.MEMORY_ATTENTION, graphs.MEMORY_ENCODER):
        narrow = (tmp_path / f"{precision.value} {name}.onnx").stat().st_size
        assert narrow < least * graphs.file_of(draft_graphs, name).stat().st_size


def test_inputs_and_outputs_stay(draft_graphs: Path) -> None:
    content = graphs.file_of(draft_graphs, graphs.MEMORY_ENCODER).read_bytes()

    def ends(graph: bytes) -> list[tuple[str, str, list[object]]]:
        session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
        return [(e.name, e.type, list(e.shape)) for e in (*session.get_inputs(), *session.get_outputs())]

    for precision in (Precision.FP16, Precision.INT8):
        assert ends(narrowed(content, precision)) == ends(content)
