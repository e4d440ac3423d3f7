# SPDX-License-Identifier: GPL-3.0-or-later
"""Graphs of float32 made narrower: computed in float16, or with weights of eight bits."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from rotopoint.tracking.precision import Precision

OUTPUTS_AT = {"Conv": 0, "ConvTranspose": 1, "Gemm": 0, "MatMul": -1}
"""The axis of a weight that counts what comes out, by the operation; each of these has a scale of its own."""

LEAST = 1024
"""Smaller weights stay as they are: they would save nothing."""

STEPS = 127


def narrowed(content: bytes, precision: Precision) -> bytes:
    """A graph of float32 in another of the runtime's precisions. Inputs and outputs stay float32."""
    model = onnx.load_from_string(content)
    narrow = _to_float16(model) if precision is Precision.FP16 else _to_int8_weights(model)
    result: bytes = narrow.SerializeToString(deterministic=True)
    return result


def _to_float16(model: onnx.ModelProto) -> onnx.ModelProto:
    from onnxruntime.transformers.float16 import convert_float_to_float16

    converted: onnx.ModelProto = convert_float_to_float16(model, keep_io_types=True)
    return converted


def eight_bits(
    weight: npt.NDArray[np.float32], axis: int
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]]:
    """A weight as whole numbers of -127 to 127, and the scale (n,) along `axis` that brings each back: the
    largest of its row is met exactly, all others to half a step. Zero stays zero."""
    others = tuple(a for a in range(weight.ndim) if a != axis)
    largest = np.abs(weight).max(others, keepdims=True)
    scale = np.where(largest > 0, largest / STEPS, 1).astype(np.float32)
    return np.rint(weight / scale).astype(np.int8), scale.reshape(-1)


def _to_int8_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """Weights alone: what flows through a graph stays float32, so that nothing has to be calibrated."""
    graph = model.graph
    uses: dict[str, set[str]] = defaultdict(set)
    for node in graph.node:
        for place, name in enumerate(node.input):
            uses[name].add(node.op_type if place == 1 else "")
    kept, brought_back = [], []
    for held in graph.initializer:
        weight = numpy_helper.to_array(held)
        operations = uses[held.name]
        operation = next(iter(operations), "")
        wide = weight.dtype == np.float32 and weight.ndim > 1 and weight.size >= LEAST
        if not wide or len(operations) != 1 or operation not in OUTPUTS_AT:
            kept.append(held)
            continue
        axis = OUTPUTS_AT[operation] % weight.ndim
        narrow, scale = eight_bits(weight, axis)
        names = f"{held.name}.eight_bits", f"{held.name}.scale"
        kept += [numpy_helper.from_array(narrow, names[0]), numpy_helper.from_array(scale, names[1])]
        brought_back.append(helper.make_node("DequantizeLinear", names, [held.name], axis=axis))
    nodes = [*brought_back, *graph.node]
    del graph.initializer[:], graph.node[:]
    graph.initializer.extend(kept)
    graph.node.extend(nodes)
    return model
