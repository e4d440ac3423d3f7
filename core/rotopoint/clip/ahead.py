# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures read on a thread of their own, ahead of whoever asks for one after the other."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

from rotopoint.shot.frames import SourceFrame

PICTURES_AHEAD = 2

PictureT = TypeVar("PictureT")


class ReadAhead(Generic[PictureT]):
    """Reads as `read` does, and while the answer is worked on the next pictures in the same direction.

    `read` is called on one thread alone. What goes wrong with a picture is raised where it is asked for.
    A context manager: at its end nothing is read any more.
    """

    def __init__(self, read: Callable[[SourceFrame], PictureT], picture_count: int) -> None:
        self._read = read
        self._count = picture_count
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="pictures")
        self._ahead: OrderedDict[SourceFrame, Future[PictureT]] = OrderedDict()
        self._last: SourceFrame | None = None

    def __call__(self, frame: SourceFrame) -> PictureT:
        step = -1 if self._last is not None and frame < self._last else 1
        self._last = frame
        likely = [SourceFrame(frame + step * n) for n in range(PICTURES_AHEAD + 1)]
        for other in [known for known in self._ahead if known not in likely]:
            self._ahead.pop(other).cancel()
        for wanted in likely:
            if wanted not in self._ahead and (wanted == frame or 0 <= wanted < self._count):
                self._ahead[wanted] = self._thread.submit(self._read, wanted)
        return self._ahead.pop(frame).result()

    def __enter__(self) -> ReadAhead[PictureT]:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown(cancel_futures=True)
