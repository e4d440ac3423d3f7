# SPDX-License-Identifier: GPL-3.0-or-later
"""How a command ends: an exit code, and one line where it did not do what was asked."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rotopoint.cli.streams import ReaderGone, flush, occupy_closed_descriptors, tell
from rotopoint.errors import Cancelled, PackageMissing, RotopointError
from rotopoint.messages import explain

DEBUG_VARIABLE = "ROTOPOINT_DEBUG"
"""With it in the environment the log has the traceback of what goes wrong."""

log = logging.getLogger(__name__)


def run_to_its_end(arguments: Sequence[str] | None) -> int:
    """Run a command; its exit code is as in `rotopoint.cli.main`."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    if os.environ.get(DEBUG_VARIABLE):
        logging.getLogger("rotopoint").setLevel(logging.DEBUG)
    signal.signal(signal.SIGTERM, _interrupt)
    occupy_closed_descriptors()
    try:
        from rotopoint.cli.commands import run

        try:
            run(arguments)
        finally:
            flush()
    except ReaderGone:
        return 1
    except KeyboardInterrupt:
        return _told(Cancelled())
    except ModuleNotFoundError as error:
        log.debug("a package is missing", exc_info=True)
        return _told(PackageMissing(error.name or "", "torch"))
    except Exception as error:
        log.debug("the command has failed", exc_info=True)
        return _told(error)
    return 0


@contextmanager
def interruptible() -> Iterator[Callable[[], None]]:
    """Inside, Ctrl-C ends what other threads are at too, where they call what is given: it raises Cancelled.

    Python raises KeyboardInterrupt on the main thread alone, which then waits for the others.
    """
    stopped = threading.Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def stop(*_: object) -> None:
        stopped.set()
        raise KeyboardInterrupt

    def between() -> None:
        if stopped.is_set():
            raise Cancelled

    for number in before:
        signal.signal(number, stop)
    try:
        yield between
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _told(error: Exception) -> int:
    tell(f"rotopoint: {explain(error)}")
    return error.exit_code if isinstance(error, RotopointError) else 1


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt
