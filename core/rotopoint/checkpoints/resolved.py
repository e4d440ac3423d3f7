# SPDX-License-Identifier: GPL-3.0-or-later
"""From the name or file that a shot asks for to weights and configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rotopoint.checkpoints.catalog import configuration_of, locate, registry
from rotopoint.checkpoints.configuration import ModelConfiguration, load_configuration
from rotopoint.checkpoints.verification import sha256_of
from rotopoint.errors import CheckpointBroken, CheckpointMissing, CheckpointUnknown

SUFFIXES = (".pt", ".safetensors")


@dataclass(frozen=True)
class ResolvedCheckpoint:
    """A checkpoint file that is there, with what is needed to build its model."""

    name: str
    path: Path
    configuration: ModelConfiguration
    sha256: str

    @property
    def identity(self) -> str:
        """Differs where weights or configuration differ, wherever the file lies; tracks are keyed by it."""
        return f"{self.sha256[:32]}-{self.configuration.fingerprint()}"


def resolve(name_or_file: str, folder: Path | None = None) -> ResolvedCheckpoint:
    """A registered checkpoint by its name, or a `.pt` or `.safetensors` file by its path.

    The configuration of a file is the `.toml` of the same stem beside it, else that of the registered
    checkpoint with its file name, else that of the one whose shapes its weights have.
    Raises CheckpointUnknown, CheckpointMissing, CheckpointBroken.
    """
    known = {checkpoint.name: checkpoint for checkpoint in registry()}
    if name_or_file not in known:
        if Path(name_or_file).suffix.lower() not in SUFFIXES and not Path(name_or_file).exists():
            raise CheckpointUnknown(name_or_file, tuple(known))
        return _resolve_file(Path(name_or_file))
    checkpoint = known[name_or_file]
    path = locate(checkpoint, folder)
    if not path.is_file():
        raise CheckpointMissing(checkpoint.name, path)
    sha256 = sha256_of(path)
    if checkpoint.sha256 not in ("", sha256):
        raise CheckpointBroken(path, "it is not the file on record; delete it and get it again")
    return ResolvedCheckpoint(checkpoint.name, path, configuration_of(checkpoint), sha256)


def _resolve_file(path: Path) -> ResolvedCheckpoint:
    if not path.is_file():
        raise CheckpointBroken(path, "there is no such file")
    if path.suffix.lower() not in SUFFIXES:
        raise CheckpointBroken(path, f"expected a {' or '.join(SUFFIXES)} file")
    beside = path.with_suffix(".toml")
    if beside.is_file():
        configuration = load_configuration(beside)
    else:
        configuration = _configuration_by_name(path) or _configuration_by_shapes(path)
    return ResolvedCheckpoint(path.name, path, configuration, sha256_of(path))


def _configuration_by_name(path: Path) -> ModelConfiguration | None:
    for checkpoint in registry():
        if Path(checkpoint.file).name == path.name:
            return configuration_of(checkpoint)
    return None


def _configuration_by_shapes(path: Path) -> ModelConfiguration:
    from rotopoint.tracking.sam2.weights import read_state

    shapes = {name: tuple(tensor.shape) for name, tensor in read_state(path).items()}
    for checkpoint in registry():
        configuration = configuration_of(checkpoint)
        if _fits(configuration, shapes):
            return configuration
    raise CheckpointBroken(
        path,
        "its weights have the shapes of no registered checkpoint; "
        f"put its configuration beside it as {path.stem}.toml",
    )


def _fits(configuration: ModelConfiguration, shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Whether the shapes that tell SAM 2.1's configurations apart are there. Loading is strict anyway."""
    trunk, hidden, memory = (
        configuration.trunk,
        configuration.hidden_dim,
        configuration.memory_encoder.out_dim,
    )
    bank = configuration.tracking.num_maskmem
    blocks = {name.split(".")[3] for name in shapes if name.startswith("image_encoder.trunk.blocks.")}
    return len(blocks) == trunk.block_count and all(
        shapes.get(name) == shape
        for name, shape in {
            **trunk.told_by(),
            "maskmem_tpos_enc": (bank, 1, 1, memory),
            "no_mem_embed": (1, 1, hidden),
            # Released with SAM 2.1; checkpoints of SAM 2.0 lack it.
            "no_obj_embed_spatial": (1, memory),
        }.items()
    )
