# SPDX-License-Identifier: GPL-3.0-or-later
"""Import tables, read without running anything: who needs what, and what nobody brings."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import numpy as np
import pip
import pytest

from tests.tools.made_package import add_on_files, core_files, package
from tools.extension import BuildFailed
from tools.extension.binaries import check_binaries, libraries_of, missing
from tools.extension.targets import PLATFORMS, PYTHONS, Target

LINUX = Target(PLATFORMS["linux-x64"], PYTHONS["3.11"])
WINDOWS = Target(PLATFORMS["windows-x64"], PYTHONS["3.11"])
MACOS = Target(PLATFORMS["macos-arm64"], PYTHONS["3.11"])


def of_macos(own: str, *needed: str) -> bytes:
    """A library for macOS on arm64 with the name `own` and nothing in it but the names of others."""
    commands = b"".join(load_command(kind, name) for kind, name in [(0xD, own), *((0xC, n) for n in needed)])
    count = 1 + len(needed)
    return struct.pack("<8I", 0xFEEDFACF, 0x0100000C, 0, 6, count, len(commands), 0, 0) + commands


def load_command(kind: int, name: str) -> bytes:
    text = name.encode() + b"\0"
    text += bytes(-len(text) % 8)
    return struct.pack("<6I", kind, 24 + len(text), 24, 0, 0x10000, 0x10000) + text


def of_windows() -> bytes:
    """The program that pip starts scripts with."""
    return (Path(pip.__file__).parent / "_vendor" / "distlib" / "t64.exe").read_bytes()


def test_what_a_library_of_macos_needs() -> None:
    library = of_macos("@rpath/libown.dylib", "@loader_path/libother.dylib", "/usr/lib/libSystem.B.dylib")
    assert libraries_of(library) == ("@loader_path/libother.dylib", "/usr/lib/libSystem.B.dylib")


def test_what_a_program_of_windows_needs() -> None:
    assert {name.lower() for name in libraries_of(of_windows())} >= {"kernel32.dll"}


def test_what_a_library_of_this_machine_needs() -> None:
    names = " ".join(libraries_of(Path(np.random.mtrand.__file__).read_bytes())).lower()
    assert re.search(r"libc\.so|kernel32|libsystem", names)


def test_what_is_no_library_is_told() -> None:
    with pytest.raises(BuildFailed, match="no library"):
        libraries_of(b"text")


def test_what_is_brought_and_what_the_system_has_is_there() -> None:
    assert (
        missing({"a/x.so": ("libb-1.so.2", "libc.so.6"), "a.libs/libb-1.so.2": ("libm.so.6",)}, LINUX) == {}
    )
    assert (
        missing({"cv2/cv2.pyd": ("KERNEL32.dll", "python3.dll", "api-ms-win-crt-math-l1-1-0.dll")}, WINDOWS)
        == {}
    )
    needs = {"a.so": ("@loader_path/.dylibs/libb.dylib", "/usr/lib/libz.1.dylib"), ".dylibs/libb.dylib": ()}
    assert missing(needs, MACOS) == {}


@pytest.mark.parametrize(
    ("target", "library"),
    [
        (LINUX, "libGL.so.1"),
        (LINUX, "libb.so.2"),
        (WINDOWS, "MSVCP140.dll"),
        (WINDOWS, "python313.dll"),
        (MACOS, "/opt/homebrew/lib/libx264.dylib"),
    ],
)
def test_what_nobody_brings_is_named_with_who_needs_it(target: Target, library: str) -> None:
    assert missing({"part/part.so": (library,)}, target) == {library.lower(): "part/part.so"}


def test_a_zip_that_lacks_a_library_is_refused(tmp_path: Path) -> None:
    part = "part-1-cp311-cp311-macosx_14_0_arm64.whl"
    files = {"part/part.so": of_macos("part.so", "@loader_path/libother.dylib")}
    built = package(tmp_path, add_on_files(), core_files(), bundled={part: files})
    with pytest.raises(BuildFailed, match="libother.dylib.*part/part.so"):
        check_binaries(built, MACOS)
    files["part/libother.dylib"] = of_macos("libother.dylib", "/usr/lib/libc++.1.dylib")
    check_binaries(package(tmp_path, add_on_files(), core_files(), bundled={part: files}), MACOS)
