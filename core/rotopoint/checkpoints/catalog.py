# SPDX-License-Identifier: GPL-3.0-or-later
"""Which checkpoints there are, and where they lie."""

from __future__ import annotations

import os
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from rotopoint.checkpoints.configuration import ModelConfiguration, load_configuration
from rotopoint.errors import CheckpointBroken, CheckpointUnknown, PackageMissing
from rotopoint.tables import read_table

FOLDER_VARIABLE = "ROTOPOINT_CHECKPOINTS"
"""Environment variable that names the folder of downloaded checkpoints."""


@dataclass(frozen=True)
class Checkpoint:
    """An entry of `checkpoints/registry.toml`. Texts are for people; an empty one is not known."""

    name: str
    file: str
    configuration: str
    license: str
    parameters: float
    """In millions."""
    address: str | None = None
    """Where it is downloaded from; None for the embedded one."""
    size: int | None = None
    """In bytes; None where it is not known yet."""
    sha256: str = ""
    """64 hex digits; empty where it is not known yet."""
    speed: str = ""
    memory: str = ""
    quality: str = ""

    def fits(self, memory: int) -> bool | None:
        """Whether its model, with what tracking keeps, has room in a GPU's memory (bytes); None where that
        is not known."""
        told = re.match(r"([\d.]+) GB", self.memory)
        return None if told is None or not memory else float(told[1]) * 1e9 <= memory


@dataclass(frozen=True)
class _Registry:
    checkpoint: tuple[Checkpoint, ...]


def registry() -> tuple[Checkpoint, ...]:
    """All registered checkpoints, from the smallest to the largest."""
    path = data_folder() / "registry.toml"
    try:
        return read_table(_Registry, tomllib.loads(path.read_text(encoding="utf-8"))).checkpoint
    except (OSError, ValueError) as error:
        raise CheckpointBroken(path, f"cannot read the registry: {error}") from error


def registered(name: str) -> Checkpoint:
    """The checkpoint of a name; raises CheckpointUnknown."""
    known = {checkpoint.name: checkpoint for checkpoint in registry()}
    if name not in known:
        raise CheckpointUnknown(name, tuple(known))
    return known[name]


def data_folder() -> Path:
    """Registry, configurations and the embedded checkpoint: package data in an installed wheel, the
    repository's `checkpoints` in a checkout."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "checkpoint_data"
    return installed if installed.is_dir() else package.parents[1] / "checkpoints"


def user_folder() -> Path:
    """Where downloaded checkpoints lie: `ROTOPOINT_CHECKPOINTS`, else the user's data folder."""
    if named := os.environ.get(FOLDER_VARIABLE):
        return Path(named)
    try:
        from platformdirs import user_data_path
    except ModuleNotFoundError as error:
        raise PackageMissing("platformdirs", "media") from error
    return user_data_path("rotopoint", appauthor=False) / "checkpoints"


def locate(checkpoint: Checkpoint, folder: Path | None = None) -> Path:
    """Where a checkpoint's file lies, or would lie once downloaded to `folder`."""
    if checkpoint.address is None:
        return data_folder() / checkpoint.file
    return (folder or user_folder()) / checkpoint.file


def configuration_of(checkpoint: Checkpoint) -> ModelConfiguration:
    return load_configuration(data_folder() / checkpoint.configuration)
