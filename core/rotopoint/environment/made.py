# SPDX-License-Identifier: GPL-3.0-or-later
"""The environments that were made, in one folder: which is whole, and what is left of others.

The stamp is written last, so what has none is half made, whatever ended its making.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rotopoint.environment.processes import of_any_length
from rotopoint.errors import EnvironmentBusy, OutputUnwritable
from rotopoint.whole_files import write_whole

STAMP = "environment.json"
PACKAGES = "p"
"""Short: Windows refuses paths of more than 259 characters, and torch takes 140 of them."""

PREFIX = "env-"
LOCK = "making.lock"


@dataclass(frozen=True)
class Made:
    """A whole environment: its folder of packages, the digest of their pins, the build, the interpreter that
    they are for and its version, whether that is Blender's own, bytes on the disk, seconds that it took, and
    what `doctor` found."""

    packages: Path
    digest: str
    build: str
    python: str
    version: tuple[int, int]
    own: bool
    size: int
    seconds: float
    findings: tuple[tuple[str, str], ...]


def made_in(folder: Path) -> Made | None:
    """The newest whole environment of a folder; None where there is none."""
    stamps = [stamp for place in _environments(folder) if (stamp := place / STAMP).is_file()]
    for stamp in sorted(stamps, key=lambda stamp: stamp.stat().st_mtime_ns, reverse=True):
        try:
            data = json.loads(stamp.read_text(encoding="utf-8"))
            made = Made(
                stamp.parent / PACKAGES,
                str(data["digest"]),
                str(data["build"]),
                str(data["python"]),
                (int(data["version"][0]), int(data["version"][1])),
                bool(data["own"]),
                int(data["size"]),
                float(data["seconds"]),
                tuple((str(name), str(value)) for name, value in data["findings"]),
            )
        except (OSError, ValueError, KeyError, TypeError, IndexError):
            # A stamp that cannot be read vouches for nothing.
            continue
        if made.packages.is_dir():
            return made
    return None


def write_stamp(made: Made) -> None:
    """From now on the environment counts as whole. Raises OutputUnwritable."""
    data = dataclasses.asdict(made)
    del data["packages"]
    write_whole(made.packages.parent / STAMP, json.dumps(data, indent=1).encode("ascii"), lasting=True)


def remove(folder: Path, *, but: Path | None = None) -> None:
    """Remove the environments of a folder, whole or not, less the one that packages of `but` are; what was
    downloaded stays for the next try where there is none to be kept.

    Raises OutputUnwritable with the first that cannot be removed: on Windows, one that is in use.
    """
    faults = []
    for place in _environments(folder):
        if but is not None and place == but.parent:
            continue
        try:
            # First: what is removed in part must not count as whole.
            (place / STAMP).unlink(missing_ok=True)
            shutil.rmtree(of_any_length(place.absolute()))
        except OSError as error:
            faults.append(OutputUnwritable(place, error.strerror or str(error)))
    if faults:
        raise faults[0]


def remove_unfinished(folder: Path) -> None:
    """Remove what was begun and not finished, as far as that can be; what is whole and what was downloaded
    stays."""
    for place in _environments(folder):
        if not (place / STAMP).is_file():
            shutil.rmtree(of_any_length(place.absolute()), ignore_errors=True)
    shutil.rmtree(of_any_length(folder.absolute() / "tmp"), ignore_errors=True)


def remove_downloads(folder: Path) -> None:
    """Remove what pip keeps for another try, and what it left."""
    for name in ("cache", "tmp"):
        shutil.rmtree(of_any_length(folder.absolute() / name), ignore_errors=True)


def new_place(folder: Path) -> Path:
    """A new folder for an environment. Raises OSError."""
    number = 0
    while True:
        number += 1
        place = folder / f"{PREFIX}{number}"
        try:
            place.mkdir(parents=True)
        except FileExistsError:
            continue
        return place


def _environments(folder: Path) -> list[Path]:
    """Nothing else in a folder is ours."""
    return sorted(place for place in folder.glob(f"{PREFIX}*") if place.is_dir())


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """No other process makes or removes environments of the folder meanwhile; the system lets go of it where
    this one dies. Raises EnvironmentBusy, OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT)
    try:
        _lock(descriptor, folder)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, folder: Path) -> None:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise EnvironmentBusy(folder) from error


def size_of(*folders: Path) -> int:
    """Bytes of all files in folders; what goes meanwhile counts as none."""
    total = 0
    waiting = [str(of_any_length(folder.absolute())) for folder in folders]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    try:
                        if entry.is_dir(follow_symlinks=False):
                            waiting.append(entry.path)
                        else:
                            total += entry.stat(follow_symlinks=False).st_size
                    except OSError:
                        continue
        except OSError:
            continue
    return total
