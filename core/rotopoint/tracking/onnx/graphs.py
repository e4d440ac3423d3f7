# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a checkpoint's graphs lie, and what is known of them."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path

from rotopoint.checkpoints.verification import sha256_of
from rotopoint.errors import CheckpointBroken, GraphsMissing
from rotopoint.tables import read_table
from rotopoint.tracking.precision import Precision

IMAGE_ENCODER = "image_encoder"
MEMORY_ATTENTION = "memory_attention"
MASK_DECODER = "mask_decoder"
GIVEN_MASK = "given_mask"
START = "start"
MEMORY_ENCODER = "memory_encoder"
NAMES = (IMAGE_ENCODER, START, MEMORY_ATTENTION, MASK_DECODER, GIVEN_MASK, MEMORY_ENCODER)

IN_PARTS = {IMAGE_ENCODER: "image_encoder_in_parts", MEMORY_ATTENTION: "memory_attention_in_parts"}
"""Graphs that stand for others on the CPU, where a model is large enough for them to be quicker."""

RECORD = "graphs.toml"
SUFFIX = ".graphs"

EXPORTER = 2
"""One more with each change to what graphs compute, take or give: those of another exporter are made anew."""


@dataclass(frozen=True)
class Graph:
    """One graph as it was exported; `largest_error` is how far its outputs were from torch's, in parts of the
    largest of them. `kernels` is the name of its precision."""

    name: str
    sha256: str
    largest_error: float
    kernels: str = Precision.FP32.value


@dataclass(frozen=True)
class Graphs:
    """`checkpoint` is the `ResolvedCheckpoint.identity` of what they were made from; `takes` are what the
    mask decoder can take, in its order, by `take_name`; `exporter` is the `EXPORTER` that made them."""

    checkpoint: str
    opset: int
    takes: tuple[str, ...]
    graph: tuple[Graph, ...]
    exporter: int = 1

    def suited(self, name: str, device: str) -> str:
        """The name of the graph that stands for `name` on a device."""
        in_parts = IN_PARTS.get(name)
        has = any(graph.name == in_parts for graph in self.graph)
        return in_parts if in_parts is not None and has and device == "cpu" else name


def graphs_folder(weights: Path, precision: Precision = Precision.FP32) -> Path:
    """Beside a checkpoint's weights; those of another precision than float32 in a folder in there."""
    folder = weights.with_suffix(SUFFIX)
    return folder if precision is Precision.FP32 else folder / precision.value


def file_of(folder: Path, name: str) -> Path:
    return folder / f"{name}.onnx"


def read_graphs(name: str, weights: Path, identity: str, precision: Precision = Precision.FP32) -> Graphs:
    """What is on record of the graphs of a checkpoint, whose files are all there and whole.

    Raises GraphsMissing where there are none of these weights, this configuration and this exporter,
    CheckpointBroken where a file is not the one on record.
    """
    folder = graphs_folder(weights, precision)
    missing = GraphsMissing(name, folder, precision.value)
    record = folder / RECORD
    if not record.is_file():
        raise missing
    try:
        graphs = read_table(Graphs, tomllib.loads(record.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise CheckpointBroken(record, f"cannot read the record of its graphs: {error}") from error
    if (graphs.checkpoint, graphs.exporter) != (identity, EXPORTER):
        raise missing
    if {g.name for g in graphs.graph} - set(IN_PARTS.values()) != set(NAMES):
        raise missing
    for graph in graphs.graph:
        file = file_of(folder, graph.name)
        if not file.is_file() or sha256_of(file) != graph.sha256:
            raise CheckpointBroken(
                file, f"it is not the graph on record; run: rotopoint checkpoints export {name}"
            )
    return graphs


def written(graphs: Graphs) -> str:
    """The text of the record."""
    lines = [
        f'checkpoint = "{graphs.checkpoint}"',
        f"exporter = {graphs.exporter}",
        f"opset = {graphs.opset}",
        f"takes = {json.dumps(graphs.takes)}",
    ]
    for graph in graphs.graph:
        lines += [
            "",
            "[[graph]]",
            f'name = "{graph.name}"',
            f'sha256 = "{graph.sha256}"',
            f"largest_error = {graph.largest_error:.1e}",
            f'kernels = "{graph.kernels}"',
        ]
    return "\n".join(lines) + "\n"
