# SPDX-License-Identifier: GPL-3.0-or-later
"""Clips that are made for measuring: a bright disc that circles over soft noise."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np

from rotopoint.clip import Clip
from rotopoint.shot.frames import ClipFrame, FileNumber, SourceFrame


def pictures(count: int, size: tuple[int, int]) -> Iterator[np.ndarray]:
    """`count` pictures (height, width, 3)."""
    width, height = size
    noise = np.random.default_rng(0).integers(40, 120, (height // 16, width // 16, 3)).astype(np.uint8)
    ground = cv2.resize(noise, size, interpolation=cv2.INTER_CUBIC)
    for number in range(count):
        yield cv2.circle(ground.copy(), center(number, size), height // 8, (220, 180, 60), -1, cv2.LINE_AA)


def center(number: int, size: tuple[int, int]) -> tuple[int, int]:
    """Where the disc is, in pixels."""
    width, height = size
    angle = number / 40
    return round(width * (0.5 + 0.25 * np.cos(angle))), round(height * (0.5 + 0.25 * np.sin(angle)))


def write_video(path: Path, count: int, size: tuple[int, int]) -> None:
    """An H.264 video of the pictures."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for picture in pictures(count, size):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def write_sequence(folder: Path, count: int, size: tuple[int, int]) -> None:
    """The pictures as PNG files."""
    folder.mkdir()
    for number, picture in enumerate(pictures(count, size), start=1):
        content = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1]
        (folder / f"disc_{number:04d}.png").write_bytes(content)


class InMemory(Clip):
    """Another clip whose pictures are read already."""

    def __init__(self, other: Clip) -> None:
        self.path, self.name, self.size = other.path, other.name, other.size
        self.frame_map, self.picture_count = other.frame_map, other.picture_count
        self.frame_rate, self.identity = other.frame_rate, other.identity
        self.states, self.transform_key = other.states, other.transform_key
        self._other = other
        self._pictures = [other.read(SourceFrame(n)) for n in range(other.picture_count)]

    def file_number(self, frame: ClipFrame) -> FileNumber:
        return self._other.file_number(frame)

    def read(self, source: SourceFrame) -> np.ndarray:
        return self._pictures[source]

    def read_light(self, source: SourceFrame) -> np.ndarray:
        return self._other.read_light(source)

    def read_values(self, source: SourceFrame) -> np.ndarray:
        return self._other.read_values(source)

    def encoded(self, light: np.ndarray) -> np.ndarray:
        return self._other.encoded(light)

    def close(self) -> None:
        self._other.close()
