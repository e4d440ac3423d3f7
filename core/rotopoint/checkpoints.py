# SPDX-License-Identifier: GPL-3.0-or-later
"""Which checkpoints there are, where they lie, and whether they are whole."""

from __future__ import annotations

import hashlib
import os
import tomllib
import urllib.parse
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from rotopoint.downloads import DownloadPolicy, Progress, download
from rotopoint.errors import CheckpointBroken, CheckpointMissing, CheckpointUnknown, PackageMissing
from rotopoint.tables import read_table
from rotopoint.tracking.configuration import ModelConfiguration, load_configuration

FOLDER_VARIABLE = "ROTOPOINT_CHECKPOINTS"
"""Environment variable that names the folder of downloaded checkpoints."""

SUFFIXES = (".pt", ".safetensors")


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


@dataclass(frozen=True)
class _Registry:
    checkpoint: tuple[Checkpoint, ...]


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


class VerifyState(Enum):
    INTACT = "intact"
    UNRECORDED = "unrecorded"
    """Whole as far as can be told, but the registry has no SHA-256 to compare with."""
    DAMAGED = "damaged"
    MISSING = "missing"


@dataclass(frozen=True)
class VerifyResult:
    """`sha256` is that of the file (empty where it is missing); `reason` says what is wrong with it."""

    checkpoint: Checkpoint
    path: Path
    state: VerifyState
    sha256: str = ""
    reason: str = ""

    def require_whole(self) -> None:
        """Raises CheckpointBroken where the file is damaged; a missing one is no fault."""
        if self.state is VerifyState.DAMAGED:
            raise CheckpointBroken(self.path, self.reason)


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
    package = Path(__file__).resolve().parent
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
    sha256 = _sha256(path)
    if checkpoint.sha256 not in ("", sha256):
        raise CheckpointBroken(path, "it is not the file on record; delete it and get it again")
    return ResolvedCheckpoint(checkpoint.name, path, _configuration_of(checkpoint), sha256)


def get(
    checkpoint: Checkpoint,
    folder: Path | None = None,
    progress: Progress = lambda done, total: None,
    cancelled: Callable[[], bool] = lambda: False,
    policy: DownloadPolicy | None = None,
) -> Path:
    """The checkpoint's file, downloaded where it is missing or damaged.

    `policy` is https from the registry's own hosts unless told otherwise.
    Raises DownloadFailed, OutputUnwritable, Cancelled; see `downloads.download`.
    """
    path = locate(checkpoint, folder)
    if path.is_file() and _fault(checkpoint, path) is None:
        return path
    if checkpoint.address is None:
        raise CheckpointBroken(path, "it is part of Rotopoint; install Rotopoint again")
    return download(
        checkpoint.address,
        path,
        policy or registry_policy(),
        fault_of=lambda whole: _fault(checkpoint, whole),
        progress=progress,
        cancelled=cancelled,
    )


def registry_policy() -> DownloadPolicy:
    """Downloads by https from the hosts that the registry names."""
    hosts = (urllib.parse.urlsplit(checkpoint.address or "").hostname for checkpoint in registry())
    return DownloadPolicy(frozenset(host for host in hosts if host))


def verify(checkpoint: Checkpoint, folder: Path | None = None) -> VerifyResult:
    """Whether a checkpoint's file is there and whole. Reads all of it."""
    path = locate(checkpoint, folder)
    if not path.is_file():
        return VerifyResult(checkpoint, path, VerifyState.MISSING)
    sha256 = _sha256(path)
    if fault := _fault(checkpoint, path):
        return VerifyResult(checkpoint, path, VerifyState.DAMAGED, sha256, fault)
    state = VerifyState.INTACT if checkpoint.sha256 else VerifyState.UNRECORDED
    return VerifyResult(checkpoint, path, state, sha256)


def _configuration_of(checkpoint: Checkpoint) -> ModelConfiguration:
    return load_configuration(data_folder() / checkpoint.configuration)


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
    return ResolvedCheckpoint(path.name, path, configuration, _sha256(path))


def _configuration_by_name(path: Path) -> ModelConfiguration | None:
    for checkpoint in registry():
        if Path(checkpoint.file).name == path.name:
            return _configuration_of(checkpoint)
    return None


def _configuration_by_shapes(path: Path) -> ModelConfiguration:
    from rotopoint.tracking.sam2.weights import read_state

    shapes = {name: tuple(tensor.shape) for name, tensor in read_state(path).items()}
    for checkpoint in registry():
        configuration = _configuration_of(checkpoint)
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
    return len(blocks) == sum(trunk.stages) and all(
        shapes.get(name) == shape
        for name, shape in {
            "image_encoder.trunk.pos_embed": (1, trunk.embed_dim, *trunk.window_pos_embed_bkg_spatial_size),
            "maskmem_tpos_enc": (bank, 1, 1, memory),
            "no_mem_embed": (1, 1, hidden),
            # Released with SAM 2.1; checkpoints of SAM 2.0 lack it.
            "no_obj_embed_spatial": (1, memory),
        }.items()
    )


def _fault(checkpoint: Checkpoint, path: Path) -> str | None:
    """What is wrong with a whole file, or None."""
    size = path.stat().st_size
    if checkpoint.size is not None and size != checkpoint.size:
        return f"it has {size} bytes instead of {checkpoint.size}"
    if checkpoint.sha256:
        found = _sha256(path)
        return None if found == checkpoint.sha256 else f"its SHA-256 is {found}, not that on record"
    # Nothing on record to compare with: a torch checkpoint is a zip, whose entries have checksums.
    return _zip_fault(path) if checkpoint.file.endswith(".pt") else None


def _zip_fault(path: Path) -> str | None:
    try:
        with zipfile.ZipFile(path) as archive:
            bad = archive.testzip()
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        return f"it is no whole torch checkpoint ({error})"
    return None if bad is None else f"its part {bad} is damaged"


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise CheckpointBroken(path, f"it cannot be read: {error.strerror}") from error
