# SPDX-License-Identifier: GPL-3.0-or-later
"""The real worker's process: how it begins and ends, and what it keeps out of the protocol."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from rotopoint.errors import WorkerDied
from rotopoint.events import CancelledEvent, ErrorEvent, HelloEvent, PreviewEvent, ReadyEvent
from rotopoint.shot.json import shot_to_dict
from rotopoint.worker.client import WorkerClient
from rotopoint.worker.machine import NICENESS, brought_libraries
from rotopoint.worker.protocol import PreviewRequest, ShutdownRequest, TrackRequest, encode, read_event
from tests.worker.asking import (
    LIMIT,
    begin,
    content,
    shot_of,
    track,
)
from tests.worker.conftest import CORE, LONG, THREADS, StartWorker

STUCK = """
import sys
import time
from rotopoint.tracking.sam2.runtime import Sam2Runtime
def encode_image(self, picture):
    print("in mid-step", file=sys.stderr, flush=True)
    time.sleep(600)
Sam2Runtime.encode_image = encode_image
from rotopoint.worker.server import main
main()
"""

TALKATIVE = """
import os
from rotopoint.tracking.sam2 import runtime
encode = runtime.Sam2Runtime.encode_image
def encode_image(self, picture):
    print("encoding", flush=True)
    os.write(1, b"0%|     |\\r")
    os.system("echo from a child process")
    return encode(self, picture)
runtime.Sam2Runtime.encode_image = encode_image
from rotopoint.worker.server import main
main()
"""


def test_hello_comes_at_once_and_ready_when_torch_is_there(start_worker: StartWorker, tmp_path: Path) -> None:
    began = time.monotonic()
    client = start_worker(tmp_path)
    hello = client.wait_for_hello(LIMIT)
    hello_took = time.monotonic() - began
    assert (hello.protocol, hello.runtimes, hello.devices[0]) == (1, ("torch", "onnx"), "cpu")
    first, *rest = (event for event, _ in client.poll())
    assert isinstance(first, HelloEvent)
    assert rest == []
    while not (came := client.poll()):
        time.sleep(0.01)
    assert hello_took < (time.monotonic() - began) / 2
    assert came[0].event == ReadyEvent(came[0].event.devices, "cpu", THREADS)
    client.send(ShutdownRequest())
    with pytest.raises(WorkerDied) as ended:
        client.wait("nothing", LIMIT)
    assert ended.value.exit_status == 0


@pytest.mark.skipif(not hasattr(os, "getpriority"), reason="priorities are read by POSIX calls")
def test_it_runs_below_the_priority_of_its_user(worker: WorkerClient) -> None:
    worker.wait_for_hello(LIMIT)
    deadline = time.monotonic() + 5
    expected = min(os.getpriority(os.PRIO_PROCESS, 0) + NICENESS, 19)
    while os.getpriority(os.PRIO_PROCESS, worker.process_id) != expected:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_killed_in_mid_track_nothing_finished_is_lost(
    start_worker: StartWorker, worker: WorkerClient, long_clip: Path, tmp_path: Path
) -> None:
    shot = shot_of(long_clip, id="killed")
    store, folder = tmp_path / "store", tmp_path / "mattes"
    victim = start_worker(store)
    begin(victim, shot, 3, folder)
    kill(victim)
    with pytest.raises(WorkerDied):
        victim.wait("nothing", LIMIT)
    finished = content(folder)
    assert 3 <= len(finished) < LONG

    track(worker, shot, tmp_path / "undisturbed")
    undisturbed = content(tmp_path / "undisturbed")
    assert {name: undisturbed[name] for name in finished} == finished
    done = track(start_worker(store), shot, folder)[-1]
    assert 0 < done.computed <= LONG - len(finished)
    assert content(folder) == undisturbed


def kill(client: WorkerClient) -> None:
    """As the system kills: without a chance to clean up."""
    os.kill(client.process_id, getattr(signal, "SIGKILL", signal.SIGTERM))


def test_it_ends_with_its_input_also_in_mid_step(
    start_worker: StartWorker, clip: Path, tmp_path: Path
) -> None:
    client = start_worker(tmp_path, STUCK)
    client.send(TrackRequest("t", shot_to_dict(shot_of(clip))))
    while "in mid-step" not in client.log:
        time.sleep(0.01)
    began = time.monotonic()
    # Patient enough not to use force.
    assert client.close(20.0) == 0
    assert 1.5 < time.monotonic() - began < 10


def test_what_libraries_print_stays_out_of_the_protocol(
    start_worker: StartWorker, clip: Path, tmp_path: Path
) -> None:
    client = start_worker(tmp_path, TALKATIVE)
    # Asked before torch is there, so that both wait: the first one is never answered.
    for id in ("older", "newer"):
        client.send(PreviewRequest(id, shot_to_dict(shot_of(clip)), "s1", 1))
    assert isinstance(client.wait("newer", LIMIT)[-1].event, PreviewEvent)
    assert client.wait("older", LIMIT)[-1].event == CancelledEvent("older", None, "newer")
    for printed in ("encoding", "0%|", "from a child process"):
        assert printed in client.log


def test_garbage_does_not_end_it(clip: Path, tmp_path: Path) -> None:
    lines: Sequence[bytes] = [b"garbage\n", b'{"kind":"x","id":"7"}\n', b"\0\xff\n", b"[1, 2]\n"]
    command = [sys.executable, "-m", "rotopoint.worker", "--store", str(tmp_path), "--threads", "1"]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": str(CORE)},
    ) as process:
        click = PreviewRequest("1", shot_to_dict(shot_of(clip)), "s1", 1)
        process.stdin.write(b"".join(lines) + encode(click))
        process.stdin.flush()
        events = []
        while not events or not isinstance(events[-1], PreviewEvent):
            events.append(read_event(process.stdout)[0])
        process.stdin.close()
        assert process.wait(10) == 0
    errors = [(event.error, event.id) for event in events if isinstance(event, ErrorEvent)]
    assert errors == [("ProtocolBroken", None), ("ProtocolBroken", "7")] + 2 * [("ProtocolBroken", None)]


def test_the_brought_library_of_windows_is_loaded_in_order(tmp_path: Path) -> None:
    assert brought_libraries(tmp_path) == []
    folder = tmp_path / "msvc_runtime-14.44.35112.data" / "data"
    folder.mkdir(parents=True)
    for name in ("msvcp140_1.dll", "msvcp140.dll", "vcomp140.dll"):
        (folder / name).write_bytes(b"")
    assert brought_libraries(tmp_path) == [folder / "msvcp140.dll", folder / "msvcp140_1.dll"]
