# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether what a zip brings can be loaded: every library that its binaries name is in it, or there anyway.

Read from import tables, so that a zip for Windows can be checked on Linux. Nothing is run.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping
from pathlib import Path

from tools.extension import BuildFailed
from tools.extension.checks import opened_wheel
from tools.extension.targets import Target

BINARY = re.compile(r"\.(so|so\.[\d.]+|pyd|dll|dylib)$")

SYSTEM = {
    # What every wheel for Linux may count on (PEP 600), less what needs a screen.
    "linux-x64": re.compile(
        r"(ld-linux-x86-64|libc|libm|libmvec|libdl|libpthread|librt|libgcc_s|libstdc\+\+|libz)\.so\.\d+"
    ),
    # Of Windows 10, and of Blender's Python: its own, and the C library that it is built for.
    "windows-x64": re.compile(
        r"api-ms-win-(core|crt)-.*\.dll"
        r"|(advapi32|avicap32|bcrypt|crypt32|dbghelp|dxgi|gdi32|kernel32|mf|mfplat|mfreadwrite|msvcrt|ncrypt|ole32"
        r"|oleaut32|secur32|setupapi|shell32|shlwapi|user32|ws2_32|wsock32)\.dll"
        r"|(python3\d*|vcruntime140|vcruntime140_1)\.dll"
    ),
    "macos-arm64": re.compile(r"/usr/lib/.*|/system/library/frameworks/.*"),
}
"""Libraries that no zip must bring, by platform, in small letters."""


def check_binaries(package: Path, target: Target) -> None:
    """Raises BuildFailed with each library that nobody brings, and what needs it."""
    needs: dict[str, tuple[str, ...]] = {}
    with zipfile.ZipFile(package) as archive:
        for name in (name for name in archive.namelist() if name.endswith(".whl")):
            with opened_wheel(archive, name) as wheel:
                for file in filter(BINARY.search, wheel.namelist()):
                    needs[file] = libraries_of(wheel.read(file))
    if absent := missing(needs, target):
        named = "; ".join(f"{library} (for {user})" for library, user in sorted(absent.items()))
        raise BuildFailed(f"{package.name} lacks {named}")


def missing(needs: Mapping[str, tuple[str, ...]], target: Target) -> dict[str, str]:
    """The libraries that are neither among the files nor the platform's, each with a file that needs it.

    `needs`: what each file names in its import table. Names are compared as Windows does, without case.
    """
    brought = {file.rpartition("/")[2].lower() for file in needs}
    system = SYSTEM[target.platform.name]
    other_python = re.compile(r"python3\d+\.dll")
    absent = {}
    for file, libraries in needs.items():
        for library in map(str.lower, libraries):
            major, minor = target.python.digits
            foreign = other_python.fullmatch(library) and library != f"python{major}{minor}.dll"
            there = library.rpartition("/")[2] in brought or system.fullmatch(library)
            if foreign or not there:
                absent[library] = file
    return absent


def libraries_of(content: bytes) -> tuple[str, ...]:
    """The names in a binary's import table, of Windows, Linux or macOS. Raises BuildFailed."""
    import lief

    binary = lief.parse(content)
    if isinstance(binary, lief.MachO.FatBinary):
        binary = binary.at(0)
    match binary:
        case lief.PE.Binary():
            return tuple(library.name for library in binary.imports)
        case lief.ELF.Binary():
            return tuple(map(str, binary.libraries))
        case lief.MachO.Binary():
            own = lief.MachO.LoadCommand.TYPE.ID_DYLIB
            return tuple(library.name for library in binary.libraries if library.command != own)
        case _:
            raise BuildFailed("no library of Windows, Linux or macOS")
