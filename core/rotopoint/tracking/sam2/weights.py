# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads weights into a model, without running code that a file may hold."""

from __future__ import annotations

import math
import pickle
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path

import safetensors
import safetensors.torch
import torch

from rotopoint.errors import CheckpointBroken
from rotopoint.tracking.sam2.device_memory import is_memory_short

LARGEST_WEIGHT = 1e4
"""Trained weights stay far under it; of larger ones come sums in which float32 tells little apart."""


def load_weights(model: torch.nn.Module, path: Path) -> None:
    """Fill a model with a file's weights: `.safetensors`, or `.pt` with the state under "model".

    Keys and shapes must be exactly the model's, and each weight a number of at most LARGEST_WEIGHT: from
    others come empty masks without a word. Half-precision weights become the model's float32.
    Raises CheckpointBroken, and leaves the model as it was, for anything else.
    """
    state = read_state(path)
    expected = model.state_dict()
    if missing := expected.keys() - state.keys():
        raise CheckpointBroken(path, f"it lacks {_some(missing)}")
    if unknown := state.keys() - expected.keys():
        raise CheckpointBroken(path, f"the model has no {_some(unknown)}")
    for name, tensor in state.items():
        if tensor.shape != expected[name].shape:
            raise CheckpointBroken(
                path,
                f"{name} has the shape {tuple(tensor.shape)}, the configuration asks for "
                f"{tuple(expected[name].shape)}",
            )
        if not tensor.is_floating_point():
            raise CheckpointBroken(path, f"{name} holds {tensor.dtype}, not weights")
        if fault := _fault_of_values(tensor):
            raise CheckpointBroken(path, f"{name} {fault}")
    # Copying into the parameters converts their precision.
    model.load_state_dict(state)


def _fault_of_values(tensor: torch.Tensor) -> str | None:
    """Why a tensor's values cannot be trained weights, or None; one pass over them."""
    if tensor.numel() == 0:
        return None
    # The least and the largest are NaN where any value is.
    low, high = (float(bound) for bound in tensor.float().aminmax())
    if math.isnan(low):
        return "holds values that are no numbers (NaN)"
    largest = max(-low, high)
    return None if largest <= LARGEST_WEIGHT else f"holds values up to {largest:g}, which no training gives"


def read_state(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a checkpoint file by name, on the CPU; raises CheckpointBroken."""
    if not path.is_file():
        raise CheckpointBroken(path, "no such file")
    match path.suffix.lower():
        case ".safetensors":
            return _read_safetensors(path)
        case ".pt":
            return _read_pt(path)
        case _:
            raise CheckpointBroken(path, "expected a .safetensors or .pt file")


def _read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    try:
        return safetensors.torch.load_file(path)
    except ValueError as error:
        # The header was sound. Where torch finds no room for a tensor of the bytes that follow, `asarray`
        # drops the reason and says that it does not know what they are.
        raise MemoryError(str(error)) from error
    except (safetensors.SafetensorError, OSError) as error:
        if is_memory_short(error):
            raise
        whole = isinstance(error, OSError)
        raise CheckpointBroken(
            path, str(error) if whole else f"not a whole safetensors file ({error})"
        ) from error


def _read_pt(path: Path) -> dict[str, torch.Tensor]:
    # A zip's table stands at its end: a truncated download has none.
    if not zipfile.is_zipfile(path):
        raise CheckpointBroken(path, "it is truncated, or no torch checkpoint")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointBroken(path, "it is damaged, or holds more than weights") from error
    # What the unpickler raises depends on which byte of a damaged file it meets first.
    except (
        OSError, RuntimeError, ValueError, TypeError, AttributeError, LookupError, EOFError, struct.error
    ) as error:  # fmt: skip
        if is_memory_short(error):
            raise
        raise CheckpointBroken(path, "it is damaged") from error
    state = content.get("model") if isinstance(content, Mapping) else None
    if not isinstance(state, Mapping) or not all(
        isinstance(name, str) and isinstance(tensor, torch.Tensor) for name, tensor in state.items()
    ):
        raise CheckpointBroken(path, 'it has no weights under "model"')
    return dict(state)


def _some(names: set[str], most: int = 3) -> str:
    shown = ", ".join(sorted(names)[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
