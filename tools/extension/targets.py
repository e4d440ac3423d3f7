# SPDX-License-Identifier: GPL-3.0-or-later
"""Whom a zip with an engine of its own is for: wheels are compiled for one platform and one Python.

Blender's manifest can name wheels for several Pythons, and Blender takes those that fit. One zip a Python all
the same: each would carry ONNX Runtime as often as there are Pythons, which Linux has no room for.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Platform:
    """`name` is Blender's, `tags` are those of wheels that run there, the best first."""

    name: str
    tags: tuple[str, ...]


@dataclass(frozen=True)
class Python:
    """A version of Python ("3.11"), the first Blender that brings it, and the first that brings another."""

    version: str
    blender_from: str
    blender_before: str | None = None

    @property
    def digits(self) -> tuple[int, int]:
        major, minor = self.version.split(".")
        return int(major), int(minor)


@dataclass(frozen=True)
class Target:
    platform: Platform
    python: Python

    @property
    def suffix(self) -> str:
        """What the name of its zip ends with."""
        major, minor = self.python.digits
        return f"-{self.platform.name.replace('-', '_')}-py{major}{minor}"


PLATFORMS = {
    platform.name: platform
    for platform in (
        # What Blender itself asks of Linux: glibc 2.28.
        Platform("linux-x64", ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")),
        Platform("windows-x64", ("win_amd64",)),
        Platform("macos-arm64", tuple(f"macosx_{version}_0_arm64" for version in (14, 13, 12, 11))),
    )
}

PYTHONS = {
    python.version: python
    for python in (
        Python("3.11", "4.2.0", "5.1.0"),
        Python("3.13", "5.1.0"),
        # Of Linux distributions that build Blender for their own Python.
        Python("3.14", "5.1.0"),
    )
}
