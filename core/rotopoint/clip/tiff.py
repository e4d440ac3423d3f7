# SPDX-License-Identifier: GPL-3.0-or-later
"""What the first directory of a TIFF says of its picture (TIFF 6.0, BigTIFF)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import BinaryIO

TYPES = {3: "H", 4: "I", 16: "Q"}
"""Field types SHORT, LONG and LONG8 as `struct` codes."""

LARGEST_FILE = 1 << 62
"""Bytes; numbers beyond cannot be sought."""

MOST_VALUES = 1 << 20
"""Of one field; a picture has a strip for each of its rows at most."""

DEFLATE = frozenset({8, 32946})
"""Compressions whose data carry a checksum."""

UNSIGNED, SIGNED, FLOATING = 1, 2, 3
"""Values of the field SampleFormat."""


class Tag(IntEnum):
    """The fields that are read."""

    WIDTH = 256
    HEIGHT = 257
    BITS = 258
    COMPRESSION = 259
    STRIP_OFFSETS = 273
    SAMPLES = 277
    STRIP_BYTES = 279
    TILE_OFFSETS = 324
    TILE_BYTES = 325
    SAMPLE_FORMAT = 339


@dataclass(frozen=True)
class TiffHeader:
    """`bits` and `sample_format` are of the first of `samples` channels; a block is a strip or a tile."""

    width: int
    height: int
    bits: int
    samples: int
    sample_format: int
    compression: int
    blocks: tuple[tuple[int, int], ...]
    """Offset and length of each in bytes."""

    @property
    def unsupported(self) -> str | None:
        """What of it cannot be read, in words; None where all can."""
        if self.sample_format == SIGNED:
            return "signed integers"
        if self.sample_format == FLOATING and self.bits not in (32, 64):
            return f"floats of {self.bits} bits"
        if self.sample_format == UNSIGNED and self.bits > 16:
            return f"integers of {self.bits} bits"
        if self.samples > 4:
            return f"{self.samples} channels"
        if self.samples == 2 and (self.sample_format, self.bits) != (UNSIGNED, 8):
            return "two channels of more than 8 bits"
        return None


def read_tiff_header(file: BinaryIO) -> TiffHeader | None:
    """The header of a TIFF; None where it has no size. Raises struct.error where the file ends before."""
    file.seek(0)
    order = "<" if file.read(2) == b"II" else ">"
    (version,) = struct.unpack(order + "H", file.read(2))
    if version not in (42, 43):
        return None
    big = version == 43
    count_code, entry_bytes, offset_code = ("Q", 20, "Q") if big else ("H", 12, "I")

    def number(code: str) -> int:
        value: int = struct.unpack(order + code, file.read(struct.calcsize(order + code)))[0]
        return value

    def go_to(place: int) -> None:
        if place > LARGEST_FILE:
            raise struct.error(f"the place {place} is beyond any file")
        file.seek(place)

    file.seek(8 if big else 4)
    go_to(number(offset_code))
    entries = [file.read(entry_bytes) for _ in range(min(number(count_code), MOST_VALUES))]
    fields: dict[int, tuple[int, ...]] = {}
    for entry in entries:
        tag, kind, count = struct.unpack_from(order + "HH" + offset_code, entry)
        if tag not in Tag.__members__.values() or kind not in TYPES or not 0 < count <= MOST_VALUES:
            continue
        code = f"{order}{count}{TYPES[kind]}"
        place = entry_bytes - struct.calcsize(offset_code)
        if struct.calcsize(code) <= struct.calcsize(offset_code):
            fields[tag] = struct.unpack_from(code, entry, place)
        else:
            go_to(struct.unpack_from(order + offset_code, entry, place)[0])
            fields[tag] = struct.unpack(code, file.read(struct.calcsize(code)))
    if not {Tag.WIDTH, Tag.HEIGHT} <= fields.keys():
        return None

    def first(tag: Tag, default: int) -> int:
        return fields.get(tag, (default,))[0]

    offsets = fields.get(Tag.STRIP_OFFSETS, fields.get(Tag.TILE_OFFSETS, ()))
    lengths = fields.get(Tag.STRIP_BYTES, fields.get(Tag.TILE_BYTES, ()))
    return TiffHeader(
        first(Tag.WIDTH, 0),
        first(Tag.HEIGHT, 0),
        first(Tag.BITS, 1),
        first(Tag.SAMPLES, 1),
        first(Tag.SAMPLE_FORMAT, UNSIGNED),
        first(Tag.COMPRESSION, 1),
        tuple(zip(offsets, lengths, strict=False)),
    )
