# SPDX-License-Identifier: GPL-3.0-or-later
"""What a real worker leaves on disk however it ends, and that the next one clears it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from rotopoint.events import FrameEvent
from rotopoint.shot.json import shot_to_dict
from rotopoint.store.folder import FOLDER_VARIABLE
from rotopoint.tracking.cache import LEAST_ITEMS, Kept
from rotopoint.tracking.limits import MemoryLimits
from rotopoint.worker.protocol import TrackRequest, encode, read_event
from tests.core.tracking.fake_runtime import FakeBytes
from tests.worker.asking import LIMIT, shot_of
from tests.worker.conftest import CORE, THREADS

pytest.importorskip("torch")
pytest.importorskip("onnxruntime")

ENDS: dict[str, Callable[[subprocess.Popen[bytes]], None]] = {
    "killed": subprocess.Popen.kill,
    "told to end": subprocess.Popen.terminate,
    "unheard": lambda worker: worker.stdout.close(),
}


def started(cache: Path, runtime: str = "torch") -> subprocess.Popen[bytes]:
    """A worker that keeps next to nothing in memory."""
    options = ["--device", "cpu", "--threads", str(THREADS), "--cache-memory", "0", "--cache-disk", "64"]
    return subprocess.Popen(
        [sys.executable, "-m", "rotopoint.worker", *options, "--runtime", runtime],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": str(CORE), FOLDER_VARIABLE: str(cache)},
    )


def end(worker: subprocess.Popen[bytes]) -> int:
    worker.stdin.close()
    status = worker.wait(20)
    worker.stdout.close()
    return status


@pytest.mark.parametrize("way", ENDS)
def test_the_next_worker_clears_what_one_that_ended_in_mid_work_has_left(
    long_clip: Path, tmp_path: Path, way: str
) -> None:
    cache = tmp_path / "Zwischenspeicher ä"
    living = Kept(MemoryLimits(0, 10_000), cache)
    for number in range(LEAST_ITEMS + 1):
        living.put(number, FakeBytes(bytes([number])))
    (owned,) = cache.glob("features-*")
    (cache / "features-of-the-film").mkdir()

    worker = started(cache)
    worker.stdin.write(encode(TrackRequest("1", shot_to_dict(shot_of(long_clip)))))
    worker.stdin.flush()
    frames = 0
    while frames < LEAST_ITEMS:
        frames += isinstance(read_event(worker.stdout)[0], FrameEvent)
    ENDS[way](worker)
    worker.wait(LIMIT)
    worker.stdin.close()
    worker.stdout.close()
    (left,) = set(cache.glob("features-*")) - {owned, cache / "features-of-the-film"}
    assert any(path.stat().st_size > 1000 for path in left.iterdir())

    # It computes nothing, and this runtime is there the sooner.
    following = started(cache, "onnx")
    deadline = time.monotonic() + LIMIT
    while left.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert end(following) == 0
    assert living.get(0, FakeBytes) == FakeBytes(bytes([0]))
    living.close()
    assert {path.name for path in cache.iterdir()} == {"features-of-the-film", "tracks"}
