# SPDX-License-Identifier: GPL-3.0-or-later
"""The worker's process as its user sees it: requests go in, events come out, and nothing blocks.

Standard library only, so that it runs inside of Blender.
"""

from __future__ import annotations

import io
import itertools
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, BinaryIO, NamedTuple, Protocol, cast

from rotopoint.errors import (
    ProtocolBroken,
    ProtocolMismatch,
    RotopointError,
    WorkerDied,
    WorkerNotStarted,
    WorkerSilent,
)
from rotopoint.events import Event, HelloEvent, ends_work
from rotopoint.worker.protocol import VERSION, CancelRequest, Request, encode, read_event

HELLO_SECONDS = 30.0
"""A cold disk takes its time."""

LOG_BYTES = 64 << 10

SCRUBBED = ("PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP")
"""What a host such as Blender sets for its own interpreter."""


class Received(NamedTuple):
    event: Event
    payload: bytes


class Translation(Protocol):
    """What a worker that sees other paths is told and says, see `worker.elsewhere`."""

    def sent(self, request: Request) -> Request: ...

    def received(self, event: Event) -> Event: ...


class WorkerClient:
    """Starts `command`, which must speak the worker's protocol on stdin and stdout.

    `package_folder`: the folder that holds the copy of `rotopoint` that the worker shall run.
    `environment`: added to this process's own, less the variables of its interpreter. `translation`: where
    the worker sees files by other paths than this process. Everything but
    `wait`, `wait_for_hello` and `close` returns at once. Raises WorkerNotStarted.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        package_folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
        hello_within: float = HELLO_SECONDS,
        translation: Translation | None = None,
    ) -> None:
        self._translation = translation
        self.hello: HelloEvent | None = None
        self._ids = itertools.count(1)
        self._events: queue.SimpleQueue[Received | RotopointError] = queue.SimpleQueue()
        self._put_back: list[Received] = []
        self._fault: RotopointError | None = None
        self._outgoing: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._log = bytearray()
        self._closed = False
        self._hello_within = hello_within
        self._started = time.monotonic()
        self._process = _start(command, _environment(package_folder, environment or {}))
        self._threads = [
            threading.Thread(target=work, name=f"worker {name}", daemon=True)
            for name, work in (("log", self._collect), ("requests", self._write), ("events", self._read))
        ]
        # Each start waits until the thread runs, which keeps Blender by milliseconds: here it is one.
        self._starting = threading.Thread(target=self._start_threads, name="worker's threads", daemon=True)
        self._starting.start()

    def __enter__(self) -> WorkerClient:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def process_id(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether requests can still be answered."""
        return not self._closed and self._fault is None and self._process.poll() is None

    @property
    def log(self) -> str:
        """The last of what the worker wrote to stderr."""
        return self._log.decode("utf-8", "replace")

    def new_id(self) -> str:
        """An id for a request that this client has not used."""
        return str(next(self._ids))

    def send(self, request: Request) -> None:
        """Hand a request over. That the worker has died is told by the next `poll`."""
        if self._translation is not None:
            request = self._translation.sent(request)
        self._outgoing.put(encode(request))

    def cancel(self, request_id: str) -> None:
        """Give up a request; its last event is then CancelledEvent, if it was not over already."""
        self.send(CancelRequest(request_id))

    def poll(self) -> list[Received]:
        """What has come since the last call, in order.

        After the last event before it raises what ended the worker, on every further call: WorkerDied,
        WorkerSilent, ProtocolMismatch or ProtocolBroken. Closed clients raise nothing.
        """
        received, self._put_back = self._put_back, []
        while self._fault is None:
            try:
                item = self._events.get_nowait()
            except queue.Empty:
                break
            self._sort(item, received)
        self._check_hello()
        if not received and self._fault is not None and not self._closed:
            raise self._fault
        return received

    def wait(self, request_id: str, timeout: float) -> list[Received]:
        """The events of one request up to its last; those of others stay for later calls.

        Raises TimeoutError, and what `poll` raises.
        """
        deadline = time.monotonic() + timeout
        came: list[Received] = []
        try:
            while True:
                came += self.poll()
                mine = [r for r in came if getattr(r.event, "id", None) == request_id]
                if any(ends_work(r.event) for r in mine):
                    came = [r for r in came if getattr(r.event, "id", None) != request_id]
                    return mine
                self._wait_for_one(deadline, f"the worker has not finished {request_id}")
        finally:
            self._put_back = came + self._put_back

    def wait_for_hello(self, timeout: float = HELLO_SECONDS) -> HelloEvent:
        """Raises TimeoutError, and what `poll` raises."""
        deadline = time.monotonic() + timeout
        came: list[Received] = []
        try:
            while self.hello is None:
                came += self.poll()
                if self.hello is None:
                    self._wait_for_one(deadline, "the worker has not said hello")
        finally:
            self._put_back = came + self._put_back
        return self.hello

    def close(self, within: float = 3.0) -> int | None:
        """End the worker by closing its input, or by force after `within` seconds; its exit status.

        Closing twice does nothing more.
        """
        self._closed = True
        self._outgoing.put(None)
        try:
            self._process.wait(within)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._starting.join()
        for thread in self._threads:
            # A grandchild that holds the pipes must not hold the caller.
            thread.join(1.0)
        return self._process.returncode

    def _start_threads(self) -> None:
        for thread in self._threads:
            thread.start()

    def kill(self) -> None:
        """End the worker by force; it does not wait for that, and `close` is still to be called."""
        self._process.kill()

    def _wait_for_one(self, deadline: float, reason: str) -> None:
        """Until something has come. Raises TimeoutError."""
        left = deadline - time.monotonic()
        if self.hello is None:
            left = min(left, self._started + self._hello_within - time.monotonic())
        try:
            item = self._events.get(timeout=max(left, 0.0))
        except queue.Empty:
            if time.monotonic() >= deadline:
                raise TimeoutError(reason) from None
            return
        self._sort(item, self._put_back)

    def _sort(self, item: Received | RotopointError, received: list[Received]) -> None:
        if isinstance(item, RotopointError):
            self._fault = item
            return
        if isinstance(item.event, HelloEvent):
            self.hello = item.event
        received.append(item)

    def _check_hello(self) -> None:
        waited = time.monotonic() - self._started
        if self.hello is None and self._fault is None and waited > self._hello_within:
            self._fault = WorkerSilent(self._hello_within, self.log)
            self._process.kill()

    def _read(self) -> None:
        """On its thread: events, then what ended them."""
        stream = _pipe(self._process.stdout)
        fault: RotopointError | None = None
        try:
            first = True
            while (found := read_event(stream)) is not None:
                if first:
                    _check_first(found[0])
                    first = False
                event, payload = found
                if self._translation is not None:
                    event = self._translation.received(event)
                self._events.put(Received(event, payload))
        except (ProtocolMismatch, ProtocolBroken) as error:
            fault = error
            self._process.kill()
        except (OSError, ValueError) as error:
            fault = ProtocolBroken("", f"the worker's output cannot be read: {error}")
            self._process.kill()
        stream.close()
        try:
            self._process.wait(5.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        # The last lines of the log tell why.
        self._threads[0].join(1.0)
        self._outgoing.put(None)
        self._events.put(fault or WorkerDied(self._process.returncode, self.log))

    def _write(self) -> None:
        """On its thread: requests; a pipe takes only so much at a time."""
        stream = _pipe(self._process.stdin)
        # Where the worker has died the reading thread finds out.
        with suppress(OSError):
            while (data := self._outgoing.get()) is not None:
                stream.write(data)
                stream.flush()
        with suppress(OSError):
            stream.close()

    def _collect(self) -> None:
        """On its thread: the log."""
        with _pipe(self._process.stderr) as stream:
            while data := cast(io.BufferedReader, stream).read1(4096):
                self._log += data
                del self._log[:-LOG_BYTES]


def _start(command: Sequence[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
    flags = 0
    if sys.platform == "win32":
        flags = subprocess.CREATE_NO_WINDOW
    try:
        return subprocess.Popen(
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            creationflags=flags,
        )
    except (OSError, ValueError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or str(error)
        raise WorkerNotStarted(" ".join(command), reason) from error


def _environment(package_folder: Path | None, added: Mapping[str, str]) -> dict[str, str]:
    environment = {name: value for name, value in os.environ.items() if name not in SCRUBBED}
    # Whatever lies in the current folder must not stand in for a package.
    environment["PYTHONSAFEPATH"] = "1"
    if package_folder is not None:
        environment["PYTHONPATH"] = str(package_folder)
    return environment | dict(added)


def _check_first(event: Event) -> None:
    if not isinstance(event, HelloEvent):
        raise ProtocolBroken(repr(event), "the first message is not hello")
    if event.protocol != VERSION:
        raise ProtocolMismatch(event.protocol, VERSION)


def _pipe(stream: IO[bytes] | None) -> BinaryIO:
    assert stream is not None
    return cast(BinaryIO, stream)
