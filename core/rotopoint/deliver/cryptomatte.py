# SPDX-License-Identifier: GPL-3.0-or-later
"""All subjects of a frame as Cryptomatte: ids and coverage in ranks, picked by name.

J. Friedman and A. Jones, "Fully automatic ID mattes with support for motion blur and transparency",
SIGGRAPH 2015 posters; Cryptomatte specification 1.2.0. The hash is MurmurHash3_x86_32 by A. Appleby.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rotopoint.deliver.deliverable import Compression, Deliverable, Frame, cleaned
from rotopoint.deliver.exr_file import timecode_attributes, write_exr

NAME = "CryptoObject"
"""Of the layers; readers choose between several in a file by it."""

RANKS_A_LAYER = 2

KEY_DIGITS = 7
"""Of the name's hash, in the names of attributes."""


class CryptomatteFiles(Deliverable):
    """One EXR a frame in 32-bit float: CryptoObject00, 01 and so on, each two ranks of id and coverage.

    There are as many ranks as subjects, so that all overlaps fit, in every frame alike. Each subject's
    coverage is that of its matte, also where several overlap and the sum is over 1. A lossy compression
    would break ids: ZIP stands in for DWAA.
    """

    part = "cryptomatte"
    extension = "exr"
    joins = True

    def frame(self, content: Frame) -> Path:
        ids = [id_of(layer.subject) for layer in content.layers]
        ranked = ranks(ids, np.stack([cleaned(layer.matte) for layer in content.layers]))
        channels = {
            f"{NAME}{n // 4:02d}.{'RGBA'[n % 4]}": plane
            for n, plane in enumerate(plane for rank in ranked for plane in rank)
        }
        about: dict[str, Any] = {
            **timecode_attributes(content.timecode, self.about.frame_rate),
            **attributes(layer.subject for layer in content.layers),
            "rotopoint/clip": self.about.clip,
            "rotopoint/source": self.about.source,
            "rotopoint/clip_frame": int(content.frame),
        }
        chosen = self.options.compression
        lossless = Compression.ZIP if chosen is Compression.DWAA else chosen
        path = self.path(content.number)
        write_exr(path, channels, about, lossless, self.about.pixel_aspect)
        return path


def ranks(
    ids: list[np.float32], mattes: NDArray[np.float32]
) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Ids and coverage of each rank, (H, W) each, the most covering first; mattes are (n, H, W) 0..1.

    Where nothing is left, both are 0. The number of ranks is even.
    """
    count, height, width = mattes.shape
    order = np.argsort(-mattes, axis=0, kind="stable")
    coverage = np.take_along_axis(mattes, order, axis=0)
    ranked = np.where(coverage > 0, np.array(ids, np.float32)[order], np.float32(0))
    empty = np.zeros((height, width), np.float32)
    found = list(zip(ranked, coverage, strict=True))
    return found + [(empty, empty)] * (-count % RANKS_A_LAYER)


def attributes(subjects: Iterable[str]) -> dict[str, str]:
    """What a header says of the ids in the file."""
    prefix = f"cryptomatte/{murmur3(NAME.encode()):08x}"[: len("cryptomatte/") + KEY_DIGITS]
    manifest = {name: f"{_bits(murmur3(name.encode('utf-8', 'surrogatepass'))):08x}" for name in subjects}
    return {
        f"{prefix}/name": NAME,
        f"{prefix}/hash": "MurmurHash3_32",
        f"{prefix}/conversion": "uint32_to_float32",
        # Not every reader knows JSON's escapes of characters beyond ASCII.
        f"{prefix}/manifest": json.dumps(manifest, ensure_ascii=False, separators=(",", ":")),
    }


def id_of(name: str) -> np.float32:
    """The id that stands for a name: never zero, infinite, not a number, or too small to be normal."""
    bits = _bits(murmur3(name.encode("utf-8", "surrogatepass")))
    return np.float32(np.array(bits, np.uint32).view(np.float32))


def _bits(hashed: int) -> int:
    """The hash with its exponent made one of an ordinary number."""
    return hashed ^ (1 << 23) if (hashed >> 23 & 255) in (0, 255) else hashed


def murmur3(content: bytes) -> int:
    """MurmurHash3_x86_32 with the seed 0."""
    mask = 0xFFFFFFFF

    def turned(value: int, by: int) -> int:
        return (value << by | value >> (32 - by)) & mask

    def mixed(block: int) -> int:
        return turned(block * 0xCC9E2D51 & mask, 15) * 0x1B873593 & mask

    found, whole = 0, len(content) // 4 * 4
    for at in range(0, whole, 4):
        found ^= mixed(int.from_bytes(content[at : at + 4], "little"))
        found = (turned(found, 13) * 5 + 0xE6546B64) & mask
    found ^= mixed(int.from_bytes(content[whole:], "little"))
    found ^= len(content)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        found = (found ^ found >> shift) * factor & mask
    return found ^ found >> 16
