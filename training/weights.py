# SPDX-License-Identifier: GPL-3.0-or-later
"""Weights in and out: a model to train, a stage's start from a checkpoint, and the checkpoint that ships."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch

from rotopoint.checkpoints.configuration import ModelConfiguration
from rotopoint.tracking.sam2.build import build_model
from rotopoint.tracking.sam2.weights import read_state

TIME_ENCODINGS = "maskmem_tpos_enc"
"""(num_maskmem, 1, 1, M): one a place in the memory bank; the last is that of prompted frames."""

SEEN_AT_FIRST = 2.0
"""The object score's bias before training: most frames show their subject."""


def fresh_model(configuration: ModelConfiguration, seed: int) -> Any:
    """A SAM2Base with random weights, ready to train; the same for the same seed."""
    torch.manual_seed(seed)
    model = build_model(configuration)
    with torch.no_grad():
        model.sam_mask_decoder.pred_obj_score_head.layers[-1].bias.fill_(SEEN_AT_FIRST)
    return model.requires_grad_(True)


def weights_to_start_from(path: Path, memory_count: int) -> dict[str, torch.Tensor]:
    """A checkpoint's weights as float32; where the memory bank is to hold more frames than it was trained
    with, the farther ones begin with the time encoding of the farthest known."""
    state = {name: tensor.float() for name, tensor in read_state(path).items()}
    known = state[TIME_ENCODINGS]
    recent, prompted = known[:-1], known[-1:]
    missing = memory_count - known.shape[0]
    if missing > 0:
        state[TIME_ENCODINGS] = torch.cat([recent, recent[-1:].repeat(missing, 1, 1, 1), prompted])
    elif missing < 0:
        state[TIME_ENCODINGS] = torch.cat([recent[:missing], prompted])
    return state


def export(average: Mapping[str, torch.Tensor], configuration_file: Path, path: Path) -> None:
    """Write a checkpoint: float16 safetensors at `path`, its configuration beside it."""
    half = {name: tensor.detach().cpu().half().contiguous() for name, tensor in average.items()}
    part = path.with_name(path.name + ".part")
    safetensors.torch.save_file(half, part)
    part.replace(path)
    shutil.copyfile(configuration_file, path.with_suffix(".toml"))
