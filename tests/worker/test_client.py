# SPDX-License-Identifier: GPL-3.0-or-later
"""The client against workers that behave, and against those that do not."""

from __future__ import annotations

import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rotopoint import __version__
from rotopoint.errors import (
    ProtocolBroken,
    ProtocolMismatch,
    RotopointError,
    WorkerDied,
    WorkerNotStarted,
    WorkerSilent,
)
from rotopoint.events import (
    CancelledEvent,
    DoneEvent,
    ErrorEvent,
    FrameEvent,
    HelloEvent,
    PreviewEvent,
    ReadyEvent,
    StartedEvent,
)
from rotopoint.shot import ClipReference, Point, Shot, Subject
from rotopoint.shot.json import revision, shot_to_dict
from rotopoint.worker.client import LOG_BYTES, WorkerClient
from rotopoint.worker.protocol import VERSION, MatteRequest, PreviewRequest, ShotRequest, TrackRequest

CORE = Path(__file__).parents[2] / "core"
FAKE = Path(__file__).parent / "fake_worker.py"

SHOT = Shot(ClipReference("clip.mp4", frame_count=4), (Subject("s1", "Kröte", (Point(1, 20.0, 24.0),)),))
SLEEPS = "import time; time.sleep(60)"
HELLO = (
    "import sys; from rotopoint.worker.protocol import *; import rotopoint;"
    "sys.stdout.buffer.write(encode(HelloEvent(VERSION, rotopoint.__file__, (), ()))); sys.stdout.flush();"
)

Start = Callable[..., WorkerClient]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a fake worker, or a line of Python in its place; what is started is closed."""
    clients = []
    threads = threading.active_count()

    def start(*options: str, code: str | None = None, **more: object) -> WorkerClient:
        command = [sys.executable, *(("-c", code) if code else (str(FAKE), *options))]
        clients.append(WorkerClient(command, **({"package_folder": CORE} | more)))
        return clients[-1]

    yield start
    for client in clients:
        client.close(0.2)
        assert not client.running
    assert threading.active_count() == threads


def fault_of(client: WorkerClient, within: float = 10.0) -> RotopointError:
    """What ends a worker."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        try:
            client.poll()
        except RotopointError as error:
            return error
        time.sleep(0.01)
    raise AssertionError("the worker goes on")


def preview(client: WorkerClient) -> str:
    request = PreviewRequest(client.new_id(), shot_to_dict(SHOT), "s1", 1)
    client.send(request)
    return request.id


def test_a_preview(start: Start) -> None:
    client = start()
    ((event, payload),) = client.wait(preview(client), 10)
    assert isinstance(event, PreviewEvent)
    assert (event.subject, event.frame, event.revision) == ("s1", 1, revision(SHOT))
    logits = struct.unpack(f"<{event.width * event.height}e", payload)
    x, y = int(20 / 64 * event.width), int(24 / 48 * event.height)
    assert logits[y * event.width + x] > 0 > logits[0]


def test_hello_comes_first_and_is_kept(start: Start) -> None:
    client = start()
    hello = client.wait_for_hello(10)
    assert hello == HelloEvent(VERSION, __version__, ("fake",), ("cpu",))
    assert client.poll()[0].event == hello == client.hello


def test_events_of_other_requests_wait_for_their_turn(start: Start) -> None:
    client = start()
    first, second = preview(client), preview(client)
    ((answer, _),) = client.wait(second, 10)
    assert answer.id == second
    ((answer, _),) = client.wait(first, 10)
    assert answer.id == first
    assert [type(event) for event, _ in client.poll()] == [HelloEvent, ReadyEvent]


def test_polling_never_blocks(start: Start) -> None:
    client = start("--late", "0.5")
    began = time.monotonic()
    preview(client)
    assert client.poll() == []
    assert time.monotonic() - began < 0.1
    assert client.wait_for_hello(10).package == __version__


def test_sending_never_blocks_and_closing_frees_who_does_not_read(start: Start) -> None:
    client = start(code=SLEEPS)
    large = shot_to_dict(SHOT) | {"clip": {"path": "x" * 1_000_000}}
    began = time.monotonic()
    client.send(PreviewRequest("1", large, "s1", 1))
    assert time.monotonic() - began < 0.2
    assert client.close(0.2) not in (None, 0)
    assert time.monotonic() - began < 2


def test_a_track_writes_files_and_tells_of_each(start: Start, tmp_path: Path) -> None:
    client = start()
    client.send(TrackRequest("t", shot_to_dict(SHOT), str(tmp_path / "Matten ü")))
    started, *frames, done = [event for event, _ in client.wait("t", 10)]
    assert started == StartedEvent("t", revision(SHOT), 4, 4)
    assert done == DoneEvent("t", revision(SHOT), 4, 4)
    assert [(f.frame, f.done) for f in frames] == [(1, 1), (2, 2), (3, 3), (4, 4)]
    assert all(Path(f.file).read_bytes().startswith(b"\x89PNG") for f in frames)


def test_a_matte(start: Start) -> None:
    client = start()
    client.send(MatteRequest("m", shot_to_dict(SHOT), "s1", 1))
    ((event, payload),) = client.wait("m", 10)
    assert (event.width, event.height) == (64, 48)
    assert payload[24 * 64 + 20] == 255 and payload[0] == 0


def test_cancel(start: Start) -> None:
    client = start("--slow", "0.05")
    client.send(TrackRequest("t", shot_to_dict(SHOT)))
    while not any(isinstance(event, FrameEvent) for event, _ in client.poll()):
        time.sleep(0.01)
    client.cancel("t")
    assert client.wait("t", 10)[-1].event == CancelledEvent("t", revision(SHOT))


def test_a_newer_shot(start: Start) -> None:
    client = start("--slow", "0.05")
    newer = SHOT.with_subjects([Subject("s1", "Kröte", (Point(1, 30.0, 24.0),))])
    client.send(TrackRequest("t", shot_to_dict(SHOT)))
    client.send(ShotRequest("t", shot_to_dict(newer)))
    events = [event for event, _ in client.wait("t", 10)]
    assert [e.revision for e in events if isinstance(e, StartedEvent)] == [revision(SHOT), revision(newer)]
    assert events[-1] == DoneEvent("t", revision(newer), 4, 4)


def test_an_error_of_a_request(start: Start) -> None:
    client = start()
    client.send(PreviewRequest("1", {"version": 99}, "s1", 1))
    ((event, _),) = client.wait("1", 10)
    assert isinstance(event, ErrorEvent)
    assert (event.error, event.exit_code) == ("ShotTooNew", 2)


def test_an_answer_that_takes_too_long(start: Start) -> None:
    client = start("--slow", "0.2")
    client.send(TrackRequest("t", shot_to_dict(SHOT)))
    with pytest.raises(TimeoutError):
        client.wait("t", 0.3)
    # What had come is not lost.
    assert isinstance(client.wait("t", 10)[0].event, StartedEvent)


def test_a_silent_worker_is_ended(start: Start) -> None:
    client = start("--silent", hello_within=0.5)
    assert isinstance(fault_of(client), WorkerSilent)
    client = start("--silent", hello_within=0.5)
    with pytest.raises(WorkerSilent):
        client.wait_for_hello(10)


def test_garbage_ends_the_worker(start: Start) -> None:
    client = start("--garbage")
    preview(client)
    fault = fault_of(client)
    assert isinstance(fault, ProtocolBroken) and "Loading weights" in fault.line


def test_a_dead_worker_leaves_status_and_log(start: Start) -> None:
    client = start("--dead", "3")
    preview(client)
    fault = fault_of(client)
    assert isinstance(fault, WorkerDied)
    assert (fault.exit_status, "out of memory" in fault.log) == (3, True)
    with pytest.raises(WorkerDied):
        client.poll()


def test_what_came_before_the_end_is_handed_out_first(start: Start) -> None:
    client = start(code=HELLO)
    client._starting.join(10)
    client._threads[-1].join(10)
    assert isinstance(client.poll()[0].event, HelloEvent)
    assert isinstance(fault_of(client), WorkerDied)


def test_a_worker_that_dies_before_hello(start: Start) -> None:
    fault = fault_of(start(code="import sys; sys.exit('no torch here')"))
    assert isinstance(fault, WorkerDied)
    assert (fault.exit_status, fault.log.strip()) == (1, "no torch here")


def test_a_worker_of_another_version(start: Start) -> None:
    fault = fault_of(start("--protocol", str(VERSION + 1)))
    assert isinstance(fault, ProtocolMismatch)
    assert (fault.theirs, fault.ours) == (VERSION + 1, VERSION)


def test_a_command_that_is_none() -> None:
    with pytest.raises(WorkerNotStarted):
        WorkerClient(["/nowhere/python", "-m", "rotopoint.worker"])


def test_a_long_log_neither_blocks_nor_grows(start: Start) -> None:
    client = start(code=f"import sys; sys.stderr.write('x' * 1_000_000 + 'end'); {HELLO} sys.stdin.read()")
    client.wait_for_hello(10)
    assert len(client.log) <= LOG_BYTES
    client.close()
    assert client.log.endswith("end")


def test_the_worker_runs_the_copy_that_it_is_told_to(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("here", "elsewhere"):
        (tmp_path / folder / "rotopoint").mkdir(parents=True)
        (tmp_path / folder / "rotopoint" / "__init__.py").write_text("")
    # Neither the current folder nor what the host's own interpreter uses may come first.
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("PYTHONHOME", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "elsewhere"))
    hello = start(code=f"{HELLO} sys.stdin.read()").wait_for_hello(10)
    assert Path(hello.package).is_relative_to(CORE)


def test_closing_ends_the_process(start: Start) -> None:
    client = start()
    client.wait_for_hello(10)
    assert client.running
    assert client.close() == 0
    assert client.close() == 0
    assert [type(event) for event, _ in client.poll()] == [HelloEvent, ReadyEvent]
    assert client.poll() == []
