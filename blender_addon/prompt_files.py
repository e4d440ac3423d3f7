# SPDX-License-Identifier: GPL-3.0-or-later
"""Masks that a person has drawn or painted as prompts, as files: where they lie, how they are written, read.

Each is named by its content and never replaced, so undo finds the one before.
"""

from __future__ import annotations

import hashlib
import re
import struct
import zlib
from pathlib import Path

import bpy
import numpy as np
import numpy.typing as npt
from bpy.types import MovieClip

from rotopoint.errors import OutputUnwritable
from rotopoint.whole_files import reason_of, write_whole

from . import blend_paths, compat, mattes
from .faults import Refused
from .package import kept_folder

FOLDER = "prompts"

NAME = re.compile(r"[0-9a-f]{32}\.(png|exr)")

WHITE = 255

COMPRESSION = 1
"""Of zlib: a mask is nearly all black and white, and more takes longer for little."""


def folder_of(clip: MovieClip, blend: str = "") -> Path:
    """Beside the clip's mattes; where there is no place for them yet, a folder of the extension's until the
    .blend is saved. `blend` is the path of the .blend, "": that of the one that is open.
    """
    try:
        return mattes.folder_of(clip, blend) / FOLDER
    except Refused:
        return unsaved_folder()


def unsaved_folder() -> Path:
    """For what belongs to a .blend that has no place yet. It outlives Blender, so that a recovered file finds
    its masks."""
    return kept_folder(FOLDER)


def keep(clip: MovieClip, content: bytes, suffix: str) -> str:
    """Write a prompt's file; its path as the .blend keeps it. Raises OutputUnwritable."""
    return keep_in(folder_of(clip), content, suffix)


def keep_in(folder: Path, content: bytes, suffix: str, blend: str = "") -> str:
    """The same in a folder, which is made, for the .blend of this path. Raises OutputUnwritable."""
    path = folder / f"{hashlib.sha256(content).hexdigest()[:32]}{suffix}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        there = path.is_file() and path.read_bytes() == content
    except OSError as error:
        raise OutputUnwritable(path, reason_of(error)) from error
    if not there:
        write_whole(path, content)
    return blend_paths.to_save(path, blend)


def is_ours(path: Path) -> bool:
    """Whether a file is one of those that `keep` writes."""
    return path.parent.name == FOLDER and NAME.fullmatch(path.name) is not None


def read(path: Path) -> npt.NDArray[np.uint8]:
    """(height, width) coverage 0..255 of a file that `keep` has written: a PNG's alpha, or an EXR's values.

    Raises Refused.
    """
    try:
        image = bpy.data.images.load(str(path))
    except RuntimeError as error:
        raise Refused(f"cannot read {path}") from error
    try:
        compat.set_non_color(image)
        width, height = image.size
        if not (width and height and image.channels):
            raise Refused(f"cannot read {path}")
        pixels = np.empty(width * height * image.channels, np.float32)
        image.pixels.foreach_get(pixels)
    finally:
        bpy.data.images.remove(image)
    channel = -1 if path.suffix == ".png" else 0
    values = pixels.reshape(height, width, -1)[::-1, :, channel]
    return np.round(255 * np.clip(values, 0, 1)).astype(np.uint8)


def encode(coverage: npt.NDArray[np.uint8]) -> bytes:
    """A PNG of coverage (height, width) 0..255: white, with it as alpha, which is read as it is meant.

    Gray values alone might be taken for labels. Blender brings no encoder that gives bytes (RFC 2083).
    """
    height, width = coverage.shape
    rows = np.zeros((height, 1 + 2 * width), np.uint8)
    rows[:, 1::2] = WHITE
    rows[:, 2::2] = coverage
    header = struct.pack(">IIBBBBB", width, height, 8, 4, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), COMPRESSION)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )
