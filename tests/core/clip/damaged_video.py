# SPDX-License-Identifier: GPL-3.0-or-later
"""Videos of numbered pictures of which some cannot be decoded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av

from tests.core.clip.numbered_video import write_video


def destroy(path: Path, *pictures: int) -> Path:
    """Overwrite the packets of these pictures, counted from 0 as they are stored."""
    with av.open(str(path)) as container:
        packets = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    data = bytearray(path.read_bytes())
    for picture in pictures:
        place, size = packets[picture]
        data[place : place + size] = b"\xff" * size
    path.write_bytes(data)
    return path


def begin_at(source: Path, path: Path, kept: Callable[[int], bool]) -> Path:
    """A copy without the packets of those pictures that are not kept, as a capture that begins late."""
    with av.open(str(source)) as given, av.open(str(path), "w") as made:
        stream = given.streams.video[0]
        copied = made.add_stream_from_template(stream)
        for number, packet in enumerate(given.demux(stream)):
            if packet.dts is not None and kept(number):
                packet.stream = copied
                made.mux(packet)
    return path


def write_every_damage(folder: Path) -> list[Path]:
    """One video of each kind of damage that leaves pictures without any to show."""

    def write(name: str, **how: object) -> Path:
        return write_video(folder / name, **({"times": range(24)} | how))

    whole = write("whole.ts")
    made = [
        destroy(write("one.mp4"), 10),
        destroy(write("two in a row.mp4"), 9, 10),
        destroy(write("the first.mov", codec="prores_ks", pixel_format="yuv422p10le"), 0, 1),
        destroy(write("the last.mov", codec="prores_ks", pixel_format="yuv422p10le"), 22, 23),
        begin_at(whole, folder / "begins late.ts", lambda number: number >= 3),
        begin_at(whole, folder / "begins late.mkv", lambda number: number >= 3),
    ]
    whole.unlink()
    return made
