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

IMAGE_ENCODER = "image_encoder"
MEMORY_ATTENTION = "memory_attention"
MASK_DECODER = "mask_decoder"
GIVEN_MASK = "given_mask"
START = "start"
MEMORY_ENCODER = "memory_encoder"
NAMES = (IMAGE_ENCODER, START, MEMORY_ATTENTION, MASK_DECODER, GIVEN_MASK, MEMORY_ENCODER)

RECORD = "graphs.toml"
SUFFIX = ".graphs"


@dataclass(frozen=True)
class Graph:
    """One graph as it was exported; `largest_error` is how far its outputs were from torch's, in parts of the
    largest of them."""

    name: str
    sha256: str
    largest_error: float


@dataclass(frozen=True)
class Graphs:
    """`checkpoint` is the `ResolvedCheckpoint.identity` of what they were made from; `takes` are what the
    mask decoder can take, in its order, by `take_name`."""

    checkpoint: str
    opset: int
    takes: tuple[str, ...]
    graph: tuple[Graph, ...]


def graphs_folder(weights: Path) -> Path:
    """Beside a checkpoint's weights."""
    return weights.with_suffix(SUFFIX)


def file_of(folder: Path, name: str) -> Path:
    return folder / f"{name}.onnx"


def read_graphs(name: str, weights: Path, identity: str) -> Graphs:
    """What is on record of the graphs of a checkpoint, whose files are all there and whole.

    Raises GraphsMissing where there are none of these weights and this configuration, CheckpointBroken where
    a file is not the one on record.
    """
    folder = graphs_folder(weights)
    record = folder / RECORD
    if not record.is_file():
        raise GraphsMissing(name, folder)
    try:
        graphs = read_table(Graphs, tomllib.loads(record.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise CheckpointBroken(record, f"cannot read the record of its graphs: {error}") from error
    if graphs.checkpoint != identity or {g.name for g in graphs.graph} != set(NAMES):
        raise GraphsMissing(name, folder)
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
        ]
    return "\n".join(lines) + "\n"
