# SPDX-License-Identifier: GPL-3.0-or-later
"""What every kind of clip offers to those who track it and deliver from it."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import numpy as np
from numpy.typing import NDArray

from rotopoint.clip.timecode import Timecode
from rotopoint.errors import ClipChanged, ClipUnreadable
from rotopoint.shot.frames import ClipFrame, FileNumber, FrameMap, SourceFrame

SAMPLE_BYTES = 4096

SAMPLES = 3
"""Of a file: head, middle and tail."""

LARGE_FILE = 64 << 20
LARGE_FILE_SAMPLES = 16
"""Of one of more bytes than that: a video, mostly, of which there is one."""


class Clip(ABC):
    """Pictures by number. A context manager: files are closed at its end."""

    path: Path
    """The video, or the first image file of the sequence."""

    name: str
    """The clip's part of the names of files that are made from it."""

    size: tuple[int, int]
    """(width, height) in pixels as Blender shows it: a video's rotation applied where it is honored."""

    frame_map: FrameMap
    """Blender's map: which picture each clip frame shows."""

    picture_count: int

    frame_rate: float | None
    """Frames a second as Blender plays it; None for image sequences."""

    pixel_aspect: float = 1.0
    """How many times as wide as high a pixel is to be shown, as video and EXR say it."""

    layer: str = ""
    """The layer of EXR files that is read, such as ViewLayer.Combined; empty where it has no name."""

    identity: str
    """Hash of the files' names, sizes, times of change and samples, and of all that alters their pixels.

    It does not depend on the folder that they lie in: a moved clip keeps its tracks.
    """

    states: tuple[FileState, ...]
    """The files as they were when the clip was opened: one a picture, or one for all."""

    transform_key: str
    """What tells the input transform's pixels from those of another; a table counts by its content."""

    def check_unchanged(self, source: SourceFrame) -> None:
        """Called once a picture was read, so that what is stored comes from the files that were opened.

        Raises ClipChanged.
        """
        self.states[source if len(self.states) > 1 else 0].check()

    @abstractmethod
    def file_number(self, frame: ClipFrame) -> FileNumber:
        """The plate's own number for image sequences, the clip frame for video; raises FrameOutsideClip."""

    def timecode(self, _frame: ClipFrame) -> Timecode | None:
        """The address that the clip's files give to a clip frame; None where they have none."""
        return None

    @abstractmethod
    def read(self, source: SourceFrame) -> NDArray[np.uint8]:
        """One picture: (H, W, 3) RGB, display-referred sRGB, a new contiguous array.

        Raises ClipUnreadable and ClipChanged naming the file; IndexError for a picture that the clip has
        not.
        """

    @abstractmethod
    def read_light(self, source: SourceFrame) -> NDArray[np.float32]:
        """The same picture: (H, W, 3) RGB, scene-linear with Rec.709 primaries, values over 1 kept.

        Raises as `read` does.
        """

    @abstractmethod
    def read_values(self, source: SourceFrame) -> NDArray[np.float32]:
        """The same picture: (H, W, 3) RGB as the plate has it, before any input transform; whole numbers as
        0..1 by their full range. Raises as `read` does.
        """

    @abstractmethod
    def encoded(self, light: NDArray[np.float32]) -> NDArray[np.float32]:
        """(H, W, 3) light, as `read_light` gives it, as values of the plate, as `read_values` gives them.

        Raises InputTransformOneWay.
        """

    @abstractmethod
    def close(self) -> None:
        """Let go of files and decoders; closing twice does nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


@dataclass(frozen=True)
class FileState:
    """A file as it was when it was looked at: size in bytes, time of change in nanoseconds."""

    path: Path
    size: int
    changed: int

    @classmethod
    def of(cls, path: Path) -> FileState:
        """Raises ClipUnreadable."""
        try:
            status = path.stat()
        except OSError as error:
            raise ClipUnreadable(path, error.strerror or str(error)) from error
        return cls(path, status.st_size, status.st_mtime_ns)

    def check(self) -> None:
        """Raises ClipChanged where the file is another one by now, or gone."""
        try:
            now = FileState.of(self.path)
        except ClipUnreadable as error:
            raise ClipChanged(self.path) from error
        if now != self:
            raise ClipChanged(self.path)

    def sample(self) -> bytes:
        """Some of the file's content: its head, its tail and places spread between; all of a small file.

        Encoders end a picture with a checksum of it or with what depends on all of it, so that the tail
        tells most changes. Raises ClipUnreadable.
        """
        places = LARGE_FILE_SAMPLES if self.size > LARGE_FILE else SAMPLES
        last = max(0, self.size - SAMPLE_BYTES)
        starts = sorted({last * n // (places - 1) for n in range(places)})
        try:
            with self.path.open("rb", buffering=0) as file:
                if self.size <= places * SAMPLE_BYTES:
                    return file.read(self.size)
                return b"".join(_bytes_at(file, start) for start in starts)
        except OSError as error:
            raise ClipUnreadable(self.path, error.strerror or str(error)) from error


def _bytes_at(file: IO[bytes], start: int) -> bytes:
    file.seek(start)
    return file.read(SAMPLE_BYTES)


def identity_of(states: Iterable[FileState], *alterations: str) -> str:
    """Hash of names, sizes, times of change and samples of files, and of what alters their pixels.

    Opens each file once: for an image sequence that costs what looking at its headers does. Raises
    ClipUnreadable.
    """
    digest = hashlib.sha256()
    for state in states:
        line = f"{state.path.name}\0{state.size}\0{state.changed}\0"
        digest.update(line.encode("utf-8", "surrogatepass"))
        digest.update(hashlib.sha256(state.sample()).digest())
    for alteration in alterations:
        digest.update(f"\0{alteration}".encode())
    return digest.hexdigest()[:32]
