# SPDX-License-Identifier: GPL-3.0-or-later
"""The worker's process: streams set aside, hello at once, then requests until its input ends."""

from __future__ import annotations

import argparse
import faulthandler
import logging
import os
import signal
import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import BinaryIO, NoReturn

from rotopoint import __version__
from rotopoint.cores import default_threads, most_threads, share_cores
from rotopoint.errors import OptionUnreadable, PackageMissing, RotopointError
from rotopoint.events import ErrorEvent, Event, HelloEvent
from rotopoint.messages import explain
from rotopoint.store.folder import cache_folder, default_store_folder
from rotopoint.tracking.limits import MIB, VARIABLES, MemoryLimits, asked_limits, mebibytes
from rotopoint.tracking.precision import KERNELS_VARIABLE, PRECISION_NAMES
from rotopoint.tracking.runtimes import RUNTIME_NAMES, RUNTIME_VARIABLE, installed_runtimes
from rotopoint.worker.inbox import Inbox
from rotopoint.worker.machine import (
    load_brought_libraries,
    lower_priority,
    promised_devices,
    set_streams_aside,
)
from rotopoint.worker.protocol import VERSION, encode

IDLE_SECONDS = 120.0

log = logging.getLogger(__name__)


class ClientGone(BaseException):
    """Nobody reads the events any more. No fault of a request: what handles those must let it pass."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """`rotopoint-worker`: ends the process, with 0 where it was told to or its input has ended."""
    options = _parser().parse_args(arguments)
    # A crash inside of a library leaves its trace in the log too.
    faulthandler.enable()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    # It ends with its input; an interrupt meant for the program that started it must not come first.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    incoming, outgoing = set_streams_aside()
    lower_priority()
    load_brought_libraries()
    share_cores()
    inbox = Inbox(incoming)
    try:
        status = _serve(options, inbox, outgoing)
    except ClientGone:
        status = 0
    inbox.leave()
    logging.shutdown()
    # The reading thread may still sit in its stream, and all that is on disk is whole.
    os._exit(status)


def _serve(options: argparse.Namespace, inbox: Inbox, outgoing: BinaryIO) -> int:
    one_at_a_time = threading.Lock()

    def send(event: Event, payload: bytes = b"") -> None:
        message = encode(event, payload)
        try:
            with one_at_a_time:
                outgoing.write(message)
                outgoing.flush()
        except OSError as error:
            raise ClientGone from error

    send(HelloEvent(VERSION, __version__, installed_runtimes(), promised_devices()))
    try:
        folder = options.store or default_store_folder()
        limits = asked_limits(
            os.environ, memory=options.cache_memory, disk=options.cache_disk, gpu=options.cache_gpu
        )
        log.info("room for features and memories of pictures: %s", limits)
        _service(options, folder, limits, inbox, send)
    except RotopointError as error:
        log.error("%s", explain(error))
        send(ErrorEvent(type(error).__name__, explain(error), error.exit_code))
        return error.exit_code
    return 0


def _service(
    options: argparse.Namespace,
    folder: Path,
    limits: MemoryLimits,
    inbox: Inbox,
    send: Callable[[Event, bytes], None],
) -> None:
    # What computes takes a while to import; hello must not wait for it.
    try:
        from rotopoint.store import TrackStore
        from rotopoint.tracking.cache import Kept
        from rotopoint.tracking.engine import load_engine
        from rotopoint.tracking.scratch_folder import remove_leftovers
        from rotopoint.worker.engines import Engines
        from rotopoint.worker.service import Service
    except ModuleNotFoundError as error:
        raise PackageMissing(error.name or "av", "media") from error
    log.info("tracks lie in %s", folder)
    load = partial(load_engine, kernels=options.kernels, runtime=options.runtime)
    engines = Engines(options.device, options.threads, load, runtime=options.runtime)
    cache = cache_folder()
    # Gigabytes may have been left; nobody waits for that.
    threading.Thread(target=remove_leftovers, args=(cache,), name="leftovers", daemon=True).start()
    kept = Kept(limits, cache)
    Service(inbox, send, engines, TrackStore(folder), kept, options.idle).run()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="rotopoint-worker",
        description="Rotopoint's engine, spoken to on stdin and stdout; see docs/worker.md.",
    )
    parser.add_argument(
        "--store", type=Path, metavar="DIR", help="where tracks are stored (default: the user's cache folder)"
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:0, mps (default: auto)")
    parser.add_argument(
        "--threads",
        type=_positive,
        default=default_threads(),
        metavar="N",
        help="threads that compute on the CPU (default: all cores but one)",
    )
    parser.add_argument(
        "--kernels",
        choices=PRECISION_NAMES,
        help=f"the model's precision (default: {KERNELS_VARIABLE}, else what the device does best)",
    )
    parser.add_argument(
        "--runtime",
        choices=RUNTIME_NAMES,
        help=f"what runs the model (default: {RUNTIME_VARIABLE}, else torch where it is installed)",
    )
    usual = MemoryLimits()
    parser.add_argument(
        "--cache-memory",
        type=_mebibytes,
        metavar="MIB",
        help="room in memory for features of pictures, which a correction needs again (default: "
        f"{VARIABLES['memory']}, else {usual.on_cpu // MIB}, or {usual.beside_gpu // MIB} beside a GPU)",
    )
    parser.add_argument(
        "--cache-disk",
        type=_mebibytes,
        metavar="MIB",
        help="room on disk for those of the CPU that memory has none for; removed at the end "
        f"(default: {VARIABLES['disk']}, else {usual.disk // MIB})",
    )
    parser.add_argument(
        "--cache-gpu",
        type=_mebibytes,
        metavar="MIB",
        help="room on a GPU for what it made, before it goes to memory "
        f"(default: {VARIABLES['gpu']}, else {usual.gpu // MIB})",
    )
    parser.add_argument(
        "--idle",
        type=float,
        default=IDLE_SECONDS,
        metavar="SECONDS",
        help="without a request for this long, the memory of a GPU is given back (default: 120)",
    )
    return parser


def _mebibytes(text: str) -> int:
    try:
        return mebibytes("", text)
    except OptionUnreadable as error:
        raise argparse.ArgumentTypeError(explain(error).strip()) from error


def _positive(text: str) -> int:
    if not text.isdecimal() or len(text) > 9 or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text}: expected a whole number of 1 or more")
    # A host's preferences may come from a larger machine.
    return min(int(text), most_threads())
