# SPDX-License-Identifier: GPL-3.0-or-later
"""From a checkpoint to graphs for ONNX Runtime, each checked against torch.

It needs torch, onnx and onnxscript; what it writes needs neither.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from torch.export import Dim

from rotopoint.checkpoints import ResolvedCheckpoint
from rotopoint.checkpoints.verification import sha256_of
from rotopoint.errors import GraphsDiffer, GraphsMissing
from rotopoint.tracking.onnx import graphs
from rotopoint.tracking.onnx.graphs import Graph, Graphs, file_of, graphs_folder, read_graphs
from rotopoint.tracking.onnx.in_parts import (
    FEWEST_COLUMNS,
    EncodeImageInParts,
    MemoryAttentionByRow,
    has_windows,
)
from rotopoint.tracking.onnx.modules import (
    DecodePrompts,
    EncodeImage,
    EncodeMemory,
    GivenMask,
    MemoryAttention,
    Start,
)
from rotopoint.tracking.onnx.narrower import narrowed
from rotopoint.tracking.precision import Precision
from rotopoint.tracking.sam2.build import build_model
from rotopoint.tracking.sam2.weights import load_weights
from rotopoint.whole_files import write_whole

OPSET = 20
"""The least with a GELU of its own, where a trunk's took five steps; ONNX Runtime reads it from 1.17 on."""

LARGEST_ERROR = {Precision.FP32: 1e-4, Precision.FP16: 5e-3, Precision.INT8: 0.02}
"""In parts of the largest output: what float32 may differ in another order of additions, float16 through all
of a graph, and weights of eight bits. Where these alter more (a trunk of convolutions does on pictures),
masks do not hold, and the graph keeps those of float32."""

SEED = 0


@dataclass(frozen=True)
class Traced:
    """A module with example inputs by name; `dynamic` names the dimensions that vary, by input and axis.
    `others` are inputs of other sizes, which it is checked with too."""

    name: str
    module: torch.nn.Module
    inputs: Mapping[str, torch.Tensor]
    outputs: Sequence[str]
    dynamic: Mapping[str, Mapping[int, Any]]
    others: Sequence[Mapping[str, torch.Tensor]] = ()


def export_graphs(checkpoint: ResolvedCheckpoint, precision: Precision = Precision.FP32) -> Path:
    """Write a checkpoint's graphs beside its weights; returns their folder.

    Raises what loading the checkpoint raises, and GraphsDiffer where a graph does not give what torch gives.
    """
    model = build_model(checkpoint.configuration)
    load_weights(model, checkpoint.path)
    folder = graphs_folder(checkpoint.path, precision)
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    with torch.inference_mode(), _quiet():
        decoder = DecodePrompts(model, checkpoint.configuration.calibration)
        for traced in _all(model, decoder, precision):
            program = torch.onnx.export(
                traced.module.eval(),
                tuple(traced.inputs.values()),
                dynamo=True,
                opset_version=OPSET,
                input_names=list(traced.inputs),
                output_names=list(traced.outputs),
                dynamic_shapes=tuple(dict(traced.dynamic.get(name, {})) for name in traced.inputs),
                verbose=False,
            )
            assert program is not None
            content, kept, error = _checked(checkpoint.name, traced, program.model_proto, precision)
            file = file_of(folder, traced.name)
            write_whole(file, content)
            made.append(Graph(traced.name, sha256_of(file), error, kept.value))
    record = Graphs(checkpoint.identity, OPSET, tuple(decoder.ways), tuple(made), graphs.EXPORTER)
    write_whole(folder / graphs.RECORD, graphs.written(record).encode())
    return folder


def _checked(
    checkpoint: str, traced: Traced, model: Any, precision: Precision
) -> tuple[bytes, Precision, float]:
    """A graph's content, the precision that it is in, and its largest error. Raises GraphsDiffer."""
    exact = model.SerializeToString(deterministic=True)
    content = exact if precision is Precision.FP32 else narrowed(exact, precision)
    error = _largest_error(traced, content)
    if precision is Precision.INT8 and not error <= LARGEST_ERROR[precision]:
        content, precision, error = exact, Precision.FP32, _largest_error(traced, exact)
    if not error <= LARGEST_ERROR[precision]:
        raise GraphsDiffer(checkpoint, traced.name, error)
    return content, precision, error


def ensure_graphs(checkpoint: ResolvedCheckpoint) -> Path:
    """The folder of a checkpoint's graphs, which are exported where there are none of it. Raises what
    `export_graphs` raises, and CheckpointBroken."""
    with suppress(GraphsMissing):
        read_graphs(checkpoint.name, checkpoint.path, checkpoint.identity)
        return graphs_folder(checkpoint.path)
    return export_graphs(checkpoint)


@contextmanager
def _quiet() -> Iterator[None]:
    """Torch tells of every step and of its own deprecations."""
    exporter = logging.getLogger("torch.onnx")
    level = exporter.level
    exporter.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        exporter.setLevel(level)


def _all(model: Any, decoder: DecodePrompts, precision: Precision) -> Iterator[Traced]:
    size, hidden, width = int(model.image_size), int(model.hidden_dim), int(model.mem_dim)
    grid = size // int(model.backbone_stride)
    random = torch.Generator().manual_seed(SEED)

    def drawn(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=random)

    attention = MemoryAttention(model, grid)
    encoder = EncodeImage(model, attention)
    picture = {"picture": drawn(1, 3, size, size)}
    maps = ("finest", "fine", "top", "begun")
    yield Traced(graphs.IMAGE_ENCODER, encoder, picture, maps, {})
    # Weights of eight bits would be brought back for each part, and float16 is for GPUs.
    if precision is Precision.FP32 and has_windows(model):
        in_parts = EncodeImageInParts(model, attention, size)
        yield Traced(graphs.IN_PARTS[graphs.IMAGE_ENCODER], in_parts, picture, maps, {})
    finest, fine, top, begun = encoder(picture["picture"])
    yield Traced(graphs.START, Start(model), {"top": top.clone()}, ("places",), {})

    def bank(subjects: int, memories: int, pointers: int) -> dict[str, torch.Tensor]:
        return {
            "begun": begun.clone(),
            "memories": drawn(subjects, memories, width, grid, grid),
            "places": torch.arange(subjects * memories).view(subjects, memories) % int(model.num_maskmem),
            "pointers": drawn(subjects, pointers, hidden),
            "distances": torch.rand(subjects, pointers, generator=random),
        }

    subjects = Dim("subjects")
    fuses = Traced(
        graphs.MEMORY_ATTENTION,
        attention,
        bank(2, 2, 3),
        ("fused",),
        {
            "memories": {0: subjects, 1: Dim("memories")},
            "places": {0: subjects, 1: Dim("memories")},
            "pointers": {0: subjects, 1: Dim("pointers")},
            "distances": {0: subjects, 1: Dim("pointers")},
        },
        (bank(1, 1, 1), bank(1, 2, 0), bank(3, 1, 2)),
    )
    yield fuses
    if precision is Precision.FP32 and grid >= FEWEST_COLUMNS:
        by_row = MemoryAttentionByRow(model, grid)
        yield replace(fuses, name=graphs.IN_PARTS[graphs.MEMORY_ATTENTION], module=by_row)

    def asked(subjects: int, points: int, take: int, corrects: bool) -> dict[str, torch.Tensor]:
        return {
            "places": top.flatten(2).mT.expand(subjects, -1, -1) + 0.1 * drawn(subjects, grid * grid, hidden),
            "finest": finest.clone(),
            "fine": fine.clone(),
            "points": size * torch.rand(subjects, points, 2, generator=random),
            "labels": (torch.arange(subjects * points).view(subjects, points) % 5 - 1).to(torch.int32),
            "earlier": 8 * drawn(subjects, 1, 4 * grid, 4 * grid),
            "corrects": torch.tensor(corrects),
            "present": torch.tensor(not corrects or subjects > 1),
            "take": torch.tensor(take),
        }

    per_subject = ("places", "points", "labels", "earlier")
    yield Traced(
        graphs.MASK_DECODER,
        decoder,
        asked(2, 3, 0, True),
        ("logits", "pointer", "object_score", "predicted_iou"),
        {
            name: {0: subjects, 1: Dim("points")} if name in ("points", "labels") else {0: subjects}
            for name in per_subject
        },
        [asked(1, 1, take, take % 2 == 1) for take in range(len(decoder.ways))],
    )
    mask = (drawn(1, 1, size, size) > 0).float()
    yield Traced(graphs.GIVEN_MASK, GivenMask(model), {"mask": mask}, ("earlier",), {})

    def remembered(score: float, binary: bool) -> dict[str, torch.Tensor]:
        return {
            "top": top.clone(),
            "logits": 8 * drawn(1, 1, 4 * grid, 4 * grid),
            "object_score": torch.tensor([score]),
            "binary": torch.tensor(binary),
        }

    yield Traced(
        graphs.MEMORY_ENCODER,
        EncodeMemory(model, size),
        remembered(1.0, False),
        ("memory",),
        {},
        (remembered(-1.0, False), remembered(1.0, True)),
    )


def _largest_error(traced: Traced, content: bytes) -> float:
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    largest = 0.0
    for inputs in (traced.inputs, *traced.others):
        wanted = traced.module(*inputs.values())
        wanted = (wanted,) if isinstance(wanted, torch.Tensor) else wanted
        known = {each.name for each in session.get_inputs()}
        given = session.run(None, {name: value.numpy() for name, value in inputs.items() if name in known})
        for want, got in zip(wanted, given, strict=True):
            scale = max(float(want.abs().max()), 1.0)
            largest = max(largest, float(np.abs(got - want.numpy()).max()) / scale)
    return largest
