# SPDX-License-Identifier: GPL-3.0-or-later
"""The wheels that the extension brings: downloaded by their pins, kept, and packed tighter.

Their files are those that the package index serves, to the byte; the zips around them are packed by LZMA,
which takes a quarter less and which Blender's Python reads.
"""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

from tools.extension import PINS, BuildFailed
from tools.extension.targets import Target


def pins_of(target: Target, folder: Path = PINS) -> list[Path]:
    """The files that name what a target's zip brings."""
    own = folder / f"extension-{target.platform.name}.txt"
    return [folder / "extension.txt", *([own] if own.is_file() else [])]


def pinned_hashes(pins: Iterable[Path]) -> dict[str, frozenset[str]]:
    """The SHA-256 of each package's wheels, by the name that its wheels carry."""
    hashes = {}
    for file in pins:
        lines = [line for line in file.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
        text = " ".join(lines).replace("\\", " ")
        for name, listed in re.findall(r"([\w.-]+)==\S+((?:\s+--hash=sha256:\w+)*)", text):
            hashes[normalized(name)] = frozenset(re.findall(r"sha256:(\w+)", listed))
    return hashes


def normalized(name: str) -> str:
    """A package's name as those of wheels begin."""
    return re.sub(r"[-_.]+", "_", name).lower()


def bundled_wheels(target: Target, cache: Path, pins: Path = PINS) -> list[Path]:
    """What a target's zip brings, in files of `cache`; what is missing there is downloaded.

    Raises BuildFailed.
    """
    files = pins_of(target, pins)
    wanted = pinned_hashes(files)
    downloads = cache / "downloads" / f"{target.platform.name}-{target.python.version}"
    if not set(wanted) <= set(found := verified(downloads, wanted)):
        download(target, files, downloads)
        found = verified(downloads, wanted)
    if missing := sorted(set(wanted) - set(found)):
        raise BuildFailed(f"{downloads} has no wheel by its pin of {', '.join(missing)}")
    return [packed(found[name], cache / "packed") for name in sorted(wanted)]


def verified(folder: Path, wanted: dict[str, frozenset[str]]) -> dict[str, Path]:
    """The wheels of a folder whose SHA-256 is pinned, by package."""
    found = {}
    for wheel in folder.glob("*.whl"):
        name = normalized(wheel.name.split("-")[0])
        if sha256(wheel.read_bytes()).hexdigest() in wanted.get(name, ()):
            found[name] = wheel
    return found


def download(target: Target, pins: Iterable[Path], folder: Path) -> None:
    """The wheels that the pins name for a target, by pip, which reads an index or a folder of its settings.

    Raises BuildFailed.
    """
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--no-deps"]
    command += ["--only-binary=:all:", "--require-hashes", "--dest", str(folder)]
    command += ["--implementation", "cp", "--python-version", target.python.version]
    for tag in target.platform.tags:
        command += ["--platform", tag]
    for file in pins:
        command += ["--requirement", str(file)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", check=False)
    if done.returncode != 0:
        raise BuildFailed(f"pip cannot download the wheels of {target.platform.name}\n{done.stderr.strip()}")


def packed(wheel: Path, folder: Path) -> Path:
    """The same wheel in a smaller file of `folder`, made once for each content."""
    place = folder / sha256(wheel.read_bytes()).hexdigest()[:16]
    target, unfinished = place / wheel.name, place / f"{wheel.name}.part"
    if target.is_file():
        return target
    place.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(wheel) as source, zipfile.ZipFile(unfinished, "w") as smaller:
        for member in source.infolist():
            if member.is_dir():
                continue
            entry = zipfile.ZipInfo(member.filename, member.date_time)
            entry.external_attr = member.external_attr
            smaller.writestr(entry, source.read(member), compress_type=zipfile.ZIP_LZMA)
    unfinished.replace(target)
    return target
