# SPDX-License-Identifier: GPL-3.0-or-later
"""Trained weights: the registry, configurations as plain data, downloads."""

from __future__ import annotations

from rotopoint.checkpoints.catalog import (
    FOLDER_VARIABLE,
    Checkpoint,
    data_folder,
    locate,
    registered,
    registry,
    user_folder,
)
from rotopoint.checkpoints.resolved import ResolvedCheckpoint, resolve
from rotopoint.checkpoints.verification import VerifyResult, VerifyState, get, registry_policy, verify

__all__ = [
    "FOLDER_VARIABLE",
    "Checkpoint",
    "ResolvedCheckpoint",
    "VerifyResult",
    "VerifyState",
    "data_folder",
    "get",
    "locate",
    "registered",
    "registry",
    "registry_policy",
    "resolve",
    "user_folder",
    "verify",
]
