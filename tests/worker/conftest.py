# SPDX-License-Identifier: GPL-3.0-or-later
"""A tiny clip, and the real worker with the draft model."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from rotopoint.worker.client import WorkerClient

CORE = Path(__file__).parents[2] / "core"

THREADS = 1

LONG = 16
"""Frames; enough that something can happen while they are tracked."""

MakeClip = Callable[[str, int], Path]
StartWorker = Callable[..., WorkerClient]


@pytest.fixture(scope="session")
def make_clip(tmp_path_factory: pytest.TempPathFactory) -> MakeClip:
    """Writes a bright square of 20 pixels that moves right over noise: PNG, 64x48, one folder a clip.

    On frame n it covers x from 9 + n, y from 10.
    """
    cv2 = pytest.importorskip("cv2")

    def make(name: str, frames: int) -> Path:
        folder = tmp_path_factory.mktemp("Aufnahmen ü") / name
        folder.mkdir()
        noise = np.random.default_rng(7).integers(40, 80, (48, 64, 3), np.uint8)
        for n in range(frames):
            picture = noise.copy()
            picture[10:30, 10 + n % 32 : 30 + n % 32] = (40, 200, 220)
            (folder / f"{name}_{n + 1:04d}.png").write_bytes(cv2.imencode(".png", picture)[1])
        return folder

    return make


@pytest.fixture(scope="session")
def clip(make_clip: MakeClip) -> Path:
    return make_clip("Würfel rot", 8)


@pytest.fixture(scope="session")
def long_clip(make_clip: MakeClip) -> Path:
    return make_clip("lang", LONG)


@pytest.fixture(scope="module")
def start_worker() -> Iterator[StartWorker]:
    """Starts the real worker on a store, or a line of Python that becomes it; all are closed at last."""
    pytest.importorskip("torch")
    clients = []

    def start(store: Path, code: str | None = None) -> WorkerClient:
        entry = ["-c", code] if code else ["-m", "rotopoint.worker"]
        options = ["--store", str(store), "--device", "cpu", "--threads", str(THREADS)]
        clients.append(WorkerClient([sys.executable, *entry, *options], package_folder=CORE))
        return clients[-1]

    yield start
    for client in clients:
        client.close()


@pytest.fixture(scope="module")
def worker(start_worker: StartWorker, tmp_path_factory: pytest.TempPathFactory) -> WorkerClient:
    """One process for all tests of a module: it serves many shots with one model."""
    return start_worker(tmp_path_factory.mktemp("Speicher ä"))
