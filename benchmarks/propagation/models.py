# SPDX-License-Identifier: GPL-3.0-or-later
"""Models to measure: random weights in the shape of a checkpoint, for speed does not depend on values."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors.torch
import torch

from rotopoint.checkpoints import ResolvedCheckpoint, registered, resolve
from rotopoint.checkpoints.configuration import load_configuration
from rotopoint.tracking.sam2.build import build_model

CONFIGURATIONS = Path(__file__).resolve().parents[2] / "checkpoints"


@dataclass(frozen=True)
class Model:
    """A shape by its name in the registry, at a size of its input."""

    name: str
    size: int

    def __str__(self) -> str:
        return f"{self.name} at {self.size} px"


def checkpoint(model: Model, folder: Path) -> ResolvedCheckpoint:
    """The draft model with its own weights; of others the shape, with random weights in `folder`."""
    if model.name == "draft":
        draft = resolve("draft")
        configuration = dataclasses.replace(draft.configuration, image_size=model.size)
        return dataclasses.replace(draft, configuration=configuration)
    configuration = dataclasses.replace(
        load_configuration(CONFIGURATIONS / registered(model.name).configuration), image_size=model.size
    )
    path = folder / f"{model.name}.safetensors"
    if not path.is_file():
        torch.manual_seed(0)
        safetensors.torch.save_file(build_model(configuration).state_dict(), path)
    return ResolvedCheckpoint(model.name, path, configuration, sha256="random weights")


def pictures(count: int, size: tuple[int, int] = (1280, 720)) -> list[np.ndarray]:
    """`count` pictures (height, width, 3) of smooth noise."""
    random = np.random.default_rng(0)
    coarse = random.integers(0, 256, (count, 9, 16, 3)).astype(np.uint8)
    rows, columns = np.arange(size[1]) * 9 // size[1], np.arange(size[0]) * 16 // size[0]
    return [np.ascontiguousarray(picture[rows][:, columns]) for picture in coarse]
