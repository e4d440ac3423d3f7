# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a checkpoint's file is whole, and bringing one that is not there."""

from __future__ import annotations

import hashlib
import urllib.parse
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from rotopoint.checkpoints.catalog import Checkpoint, locate, registry
from rotopoint.checkpoints.downloads import DownloadPolicy, Progress, download
from rotopoint.errors import CheckpointBroken


class VerifyState(Enum):
    INTACT = "intact"
    UNRECORDED = "unrecorded"
    """Whole as far as can be told, but the registry has no SHA-256 to compare with."""
    DAMAGED = "damaged"
    MISSING = "missing"


@dataclass(frozen=True)
class VerifyResult:
    """`sha256` is that of the file (empty where it is missing); `reason` says what is wrong with it,
    or why that cannot be told."""

    checkpoint: Checkpoint
    path: Path
    state: VerifyState
    sha256: str = ""
    reason: str = ""

    def require_whole(self) -> None:
        """Raises CheckpointBroken where the file is damaged; a missing one is no fault."""
        if self.state is VerifyState.DAMAGED:
            raise CheckpointBroken(self.path, self.reason)


def verify(checkpoint: Checkpoint, folder: Path | None = None) -> VerifyResult:
    """Whether a checkpoint's file is there and whole. Reads all of it."""
    path = locate(checkpoint, folder)
    if not path.is_file():
        return VerifyResult(checkpoint, path, VerifyState.MISSING)
    sha256 = sha256_of(path)
    if fault := _fault(checkpoint, path):
        return VerifyResult(checkpoint, path, VerifyState.DAMAGED, sha256, fault)
    if not checkpoint.sha256:
        reason = "the registry has no SHA-256 to compare with"
        return VerifyResult(checkpoint, path, VerifyState.UNRECORDED, sha256, reason)
    return VerifyResult(checkpoint, path, VerifyState.INTACT, sha256)


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
        size=checkpoint.size,
        progress=progress,
        cancelled=cancelled,
    )


def registry_policy() -> DownloadPolicy:
    """Downloads by https from the hosts that the registry names."""
    hosts = (urllib.parse.urlsplit(checkpoint.address or "").hostname for checkpoint in registry())
    return DownloadPolicy(frozenset(host for host in hosts if host))


def _fault(checkpoint: Checkpoint, path: Path) -> str | None:
    """What is wrong with a whole file, or None."""
    size = path.stat().st_size
    if checkpoint.size is not None and size != checkpoint.size:
        return f"it has {size} bytes instead of {checkpoint.size}"
    if checkpoint.sha256:
        found = sha256_of(path)
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


def sha256_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise CheckpointBroken(path, f"it cannot be read: {error.strerror}") from error
