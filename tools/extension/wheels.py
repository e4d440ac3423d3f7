# SPDX-License-Identifier: GPL-3.0-or-later
"""The wheels that the extension brings: downloaded by their pins, kept, and packed tighter.

Their files are those that the package index serves, to the byte, less what `LEFT_OUT` says; the zips around
them are packed by LZMA, which takes a quarter less and which Blender's Python reads.
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

LEFT_OUT = {
    # For programs in C. The Python module has all of it in itself: no import table names it.
    "onnxruntime": re.compile(r"^onnxruntime/capi/(lib)?onnxruntime\.(so\.|dll$|.*dylib$)"),
    # Each library twice, more of them than the two that ONNX Runtime names, and a module that does nothing.
    "msvc_runtime": re.compile(r"\.data/data/(?!msvcp140(_1)?\.dll$)|\.pyd$"),
}
"""Files of packages, by name, that nothing loads."""


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
    """The same wheel in a smaller file of `folder`, less what `LEFT_OUT` says, made once for each content."""
    left_out = LEFT_OUT.get(normalized(wheel.name.split("-")[0]))
    asked = wheel.read_bytes() + (b"" if left_out is None else left_out.pattern.encode())
    place = folder / sha256(asked).hexdigest()[:16]
    target, unfinished = place / wheel.name, place / f"{wheel.name}.part"
    if not target.is_file():
        place.mkdir(parents=True, exist_ok=True)
        copy_wheel(wheel, unfinished, zipfile.ZIP_LZMA, left_out)
        unfinished.replace(target)
    return target


def copy_wheel(wheel: Path, target: Path, compression: int, left_out: re.Pattern[str] | None) -> None:
    """Write the files of a wheel into another one, less those whose names a pattern finds."""
    with zipfile.ZipFile(wheel) as source, zipfile.ZipFile(target, "w") as copy:
        for member in source.infolist():
            name = member.filename
            if member.is_dir() or (left_out is not None and left_out.search(name)):
                continue
            content = source.read(member)
            if left_out is not None and name.endswith(".dist-info/RECORD"):
                kept = [line for line in content.splitlines(keepends=True) if not _lists(line, left_out)]
                content = b"".join(kept)
            entry = zipfile.ZipInfo(name, member.date_time)
            entry.external_attr = member.external_attr
            copy.writestr(entry, content, compress_type=compression)


def _lists(line: bytes, left_out: re.Pattern[str]) -> bool:
    return left_out.search(line.decode("utf-8").partition(",")[0]) is not None
