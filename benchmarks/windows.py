# SPDX-License-Identifier: GPL-3.0-or-later
"""What all measurements in Blender's windows begin with and end in."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.footage import CLIPS
from tests.blender.bpy_process import built_extension
from tests.gui.windowed_blender import (
    SCREEN,
    SUITES,
    Unavailable,
    WindowedBlender,
    build,
    engine_command,
    windowed_blender,
)

ARE_MISSING = 2
"""The exit code where a clip or a Blender with windows is not there, which was said."""


def parser_for(description: str, clip: str | None = None) -> argparse.ArgumentParser:
    """With what all of them can be asked for; `clip` is the usual one's file name."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--version", choices=SUITES, default="5.2")
    parser.add_argument("--out", type=Path, help="a file for the tables")
    if clip is not None:
        parser.add_argument("--clip", type=Path, default=CLIPS / clip)
    return parser


def is_missing(version: str, clip: Path | None = None) -> bool:
    """Whether the clip is not there, or no Blender with windows can be had; then it is said."""
    if clip is not None and not clip.is_file():
        sys.stderr.write(f"{clip} is not there\n")
        return True
    try:
        build(version)
    except Unavailable as reason:
        sys.stderr.write(f"no Blender with windows: {reason}\n")
        return True
    return False


@contextmanager
def window(
    version: str, engine: Sequence[str] | None = None, screen: tuple[int, int] = SCREEN
) -> Iterator[tuple[WindowedBlender, Path]]:
    """A Blender with the extension as people get it, and a folder that its Debian sees too. Without an
    `engine` it has the real one, with a store of its own."""
    with tempfile.TemporaryDirectory(prefix="rotopoint-windows-") as name:
        folder = Path(name)
        command = [*engine_command(), "--store", str(folder / "store")] if engine is None else list(engine)
        with windowed_blender(version, built_extension(folder), folder, command, screen) as blender:
            yield blender, folder


def open_clip(blender: WindowedBlender, clip: Path, folder: Path) -> None:
    """A copy of a clip in the folder, in the Clip Editor, saved as `shot.blend` there."""
    there = clip if clip.parent == folder else Path(shutil.copy(clip, folder))
    blender.ask(f"open_clip({str(there)!r}, {str(folder / 'shot.blend')!r})\nanswer = None")


def load() -> str:
    """What else ran."""
    loaded = f"{os.getloadavg()[0]:.1f}, {os.cpu_count()} cores"
    return f"\nLoad of the machine at the end, this included: {loaded}.\n"


def tell(text: str, out: Path | None) -> None:
    """On the standard output, and in a file."""
    sys.stdout.write(text)
    if out is not None:
        out.write_text(text, encoding="utf-8")
