# SPDX-License-Identifier: GPL-3.0-or-later
"""What every kind of clip offers to those who track it and deliver from it."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from rotopoint.shot.frames import ClipFrame, FileNumber, FrameMap, SourceFrame


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

    identity: str
    """Hash of the files' names, sizes and times of change, and of all that alters their pixels.

    It does not depend on the folder that they lie in: a moved clip keeps its tracks.
    """

    @abstractmethod
    def file_number(self, frame: ClipFrame) -> FileNumber:
        """The plate's own number for image sequences, the clip frame for video; raises FrameOutsideClip."""

    @abstractmethod
    def read(self, source: SourceFrame) -> NDArray[np.uint8]:
        """One picture: (H, W, 3) RGB, display-referred sRGB, a new contiguous array.

        Raises ClipUnreadable naming the file; IndexError for a picture that the clip has not.
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


def identity_of(files: Iterable[Path], *alterations: str) -> str:
    """Hash of names, sizes and times of change of `files`, and of what alters their pixels."""
    digest = hashlib.sha256()
    for file in files:
        status = file.stat()
        digest.update(
            f"{file.name}\0{status.st_size}\0{status.st_mtime_ns}\0".encode("utf-8", "surrogateescape")
        )
    for alteration in alterations:
        digest.update(f"\0{alteration}".encode())
    return digest.hexdigest()[:32]
