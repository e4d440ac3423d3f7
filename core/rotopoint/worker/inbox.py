# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests, read on a thread of their own, so that none waits for a step and the end is seen at once."""

from __future__ import annotations

import logging
import os
import queue
import threading
from enum import Enum
from typing import BinaryIO, Literal, TypeAlias

from rotopoint.errors import ProtocolBroken
from rotopoint.worker.protocol import Request, read_request

GRACE_SECONDS = 2.0
"""How long a step may go on once nobody listens any more."""

log = logging.getLogger(__name__)


class End(Enum):
    """The other side has closed its end."""

    OF_INPUT = 0


Item: TypeAlias = Request | ProtocolBroken | Literal[End.OF_INPUT]


class Inbox:
    """Reads `stream` until its end.

    After the end the process gets `grace` seconds to leave by itself; then it is ended, whatever it
    does: tracks and mattes are whole at any moment.
    """

    def __init__(self, stream: BinaryIO, grace: float = GRACE_SECONDS) -> None:
        self._stream = stream
        self._grace = grace
        self._items: queue.SimpleQueue[Item] = queue.SimpleQueue()
        self._left = threading.Event()
        threading.Thread(target=self._read, name="requests", daemon=True).start()

    def take(self, timeout: float | None = 0.0) -> Item | None:
        """The next item; None where none came within `timeout` seconds (None waits for ever)."""
        try:
            return self._items.get(block=timeout != 0.0, timeout=timeout or None)
        except queue.Empty:
            return None

    def leave(self) -> None:
        """The process is about to end by itself."""
        self._left.set()

    def _read(self) -> None:
        while True:
            try:
                found = read_request(self._stream)
            except ProtocolBroken as error:
                self._items.put(error)
                continue
            if found is None:
                break
            self._items.put(found[0])
        self._items.put(End.OF_INPUT)
        if not self._left.wait(self._grace):
            log.warning("input has ended in mid-step; leaving at once")
            os._exit(0)
