# SPDX-License-Identifier: GPL-3.0-or-later
"""How much is measured, and with which weights."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import safetensors.torch
import torch

from benchmarks.propagation.clips import pictures
from benchmarks.propagation.models import Model, checkpoint
from rotopoint.checkpoints import ResolvedCheckpoint, locate, registered, resolve
from rotopoint.checkpoints.configuration import load_configuration
from rotopoint.tracking.sam2.build import build_model

SMALL_HIERA = Path(__file__).resolve().parents[2] / "tests" / "core" / "tracking" / "small_hiera.toml"

RANDOM = "random weights"
"""In place of a checksum."""


@dataclass(frozen=True)
class Sizes:
    """`picture`: width and height of the clip; `warm_up`: frames that each contestant tracks before it is
    timed, when kernels are chosen and compiled; `clicks`: on a tracked frame, after its first one.
    `weights` gives a model by its name in the registry, its files in a folder."""

    picture: tuple[int, int]
    frames: int
    warm_up: int
    clicks: int
    weights: Callable[[str, Path], ResolvedCheckpoint]


@dataclass(frozen=True)
class Footage:
    """`clip` is a folder of JPEG files, `start` one of its first few."""

    clip: Path
    start: Path
    sizes: Sizes


def footage(folder: Path, sizes: Sizes) -> Footage:
    """A bright disc that circles over soft noise."""
    clip, start = folder / "clip", folder / "start"
    for part, count in ((clip, sizes.frames), (start, sizes.warm_up)):
        part.mkdir()
        for number, picture in enumerate(pictures(count, sizes.picture), start=1):
            content = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1]
            (part / f"{number:05d}.jpg").write_bytes(content)
    return Footage(clip, start, sizes)


def trained_or_random(name: str, folder: Path) -> ResolvedCheckpoint:
    """The trained weights where they are on this machine, else random ones of the same shapes."""
    if locate(registered(name)).is_file():
        return resolve(name)
    return checkpoint(Model(name, 1024), folder)


def smallest(name: str, folder: Path) -> ResolvedCheckpoint:
    """What stands for a model in the rehearsal: the draft model on small pictures, and for each Hiera a
    small one with random weights."""
    if name == "draft":
        draft = resolve("draft")
        return dataclasses.replace(
            draft, configuration=dataclasses.replace(draft.configuration, image_size=64)
        )
    path = folder / f"{name}.safetensors"
    known = load_configuration(SMALL_HIERA)
    attention = dataclasses.replace(known.memory_attention, num_layers=1)
    trunk = dataclasses.replace(known.trunk, stages=(1, 1, 2, 1), global_att_blocks=(3,))
    configuration = dataclasses.replace(known, image_size=64, memory_attention=attention, trunk=trunk)
    if not path.is_file():
        torch.manual_seed(0)
        safetensors.torch.save_file(build_model(configuration).state_dict(), path)
    return ResolvedCheckpoint(name, path, configuration, sha256=RANDOM)


FULL = Sizes((1920, 1080), frames=300, warm_up=20, clicks=5, weights=trained_or_random)
REHEARSAL = Sizes((128, 72), frames=3, warm_up=2, clicks=2, weights=smallest)
