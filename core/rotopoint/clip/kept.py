# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures that are read again soon: the model sees one, and a moment later its matte is made on it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray

MOST_BYTES = 96 << 20
"""Room for three pictures of 3840x2160 with 8 bits: the one whose matte is made and the two read ahead."""


class KeptPictures:
    """The pictures read last, up to `most_bytes` in all, by their number. Threads may share it.

    They are given to several, so nobody may write into them.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._pictures: OrderedDict[int, NDArray[Any]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, number: int, read: Callable[[], NDArray[Any]]) -> NDArray[Any]:
        """The picture of a number; `read` makes it where it is not at hand, and what it raises is raised."""
        with self._lock:
            kept = self._pictures.get(number)
            if kept is not None:
                self._pictures.move_to_end(number)
                return kept
        picture = read()
        picture.setflags(write=False)
        with self._lock:
            if number not in self._pictures:
                self._pictures[number] = picture
                self._bytes += picture.nbytes
            while self._bytes > self._most_bytes:
                self._bytes -= self._pictures.popitem(last=False)[1].nbytes
        return picture

    def clear(self) -> None:
        with self._lock:
            self._pictures.clear()
            self._bytes = 0
