# SPDX-License-Identifier: GPL-3.0-or-later
"""Standard output and standard error, which may be full, closed, or a pipe that nobody reads any more."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO

from rotopoint.errors import StandardOutputUnwritable


class ReaderGone(Exception):
    """Whoever read standard output, such as `head`, has seen enough."""


def print_line(line: str = "") -> None:
    """A line on standard output, at once. Raises ReaderGone, StandardOutputUnwritable."""
    if sys.stdout is None:
        raise StandardOutputUnwritable("it is closed")
    with _faults_told():
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


def tell(line: str) -> None:
    """A line on standard error, if there is one."""
    if sys.stderr is not None:
        with suppress(OSError):
            sys.stderr.write(f"{line}\n")


def occupy_closed_descriptors() -> None:
    """Put nothing in the place of closed standard streams, lest the next file that is opened gets it."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)


def flush() -> None:
    """What the interpreter would do at its end, with a traceback. Raises as `print_line` does."""
    if sys.stdout is not None:
        with _faults_told():
            sys.stdout.flush()


class BytesOut:
    """Standard output for bytes alone; see `bytes_out`."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def write(self, content: bytes) -> None:
        """At once, after what libraries have printed. Raises ReaderGone, StandardOutputUnwritable."""
        if sys.stdout is not None:
            with suppress(OSError):
                sys.stdout.flush()
        with _faults_told():
            self._stream.write(content)
            self._stream.flush()


@contextmanager
def bytes_out() -> Iterator[BytesOut]:
    """Standard output as it was; inside, what libraries print on it goes to standard error.

    Raises ReaderGone, StandardOutputUnwritable.
    """
    if sys.stdout is None:
        raise StandardOutputUnwritable("it is closed")
    flush()
    stream = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    try:
        yield BytesOut(stream)
    finally:
        os.dup2(stream.fileno(), 1)
        # What could not be written was told; closing would try again.
        with suppress(OSError):
            stream.close()


@contextmanager
def _faults_told() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        _abandon()
        # Windows says of a pipe without a reader that the argument is invalid.
        if isinstance(error, BrokenPipeError) or (os.name == "nt" and error.errno == errno.EINVAL):
            raise ReaderGone from error
        raise StandardOutputUnwritable((error.strerror or str(error)).lower()) from error


def _abandon() -> None:
    """Let what is still buffered go nowhere: the interpreter flushes it once more at its end."""
    if sys.stdout is None:
        return
    with suppress(OSError, ValueError):
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, sys.stdout.fileno())
        os.close(nothing)
        sys.stdout.flush()
