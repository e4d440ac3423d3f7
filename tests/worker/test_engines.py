# SPDX-License-Identifier: GPL-3.0-or-later
"""Models are loaded once, and devices other than the CPU given back."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from rotopoint.checkpoints import resolve
from rotopoint.tracking.engine import Engine
from rotopoint.worker import engines as engines_module
from rotopoint.worker.engines import Engines

pytest.importorskip("torch")


@pytest.fixture(params=["cpu", "cuda"])
def device(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """As if the machine had it."""
    monkeypatch.setattr(engines_module, "choose_device", lambda asked: request.param)
    return request.param


def test_a_model_is_loaded_once_and_only_a_gpu_is_given_back(device: str) -> None:
    loads = []

    def load(checkpoint, device, threads):
        loads.append((checkpoint.name, device, threads))
        return Engine(SimpleNamespace(), checkpoint, device)

    engines = Engines("auto", 3, load)
    draft = engines.checkpoint("draft")
    assert engines.engine(draft) is engines.engine(draft)
    assert loads == [("draft", device, 3)]
    assert engines.release_devices() == (device == "cuda")
    assert not engines.release_devices()
    engines.engine(draft)
    assert len(loads) == (2 if device == "cuda" else 1)


def test_a_checkpoint_is_read_again_only_where_it_has_changed(tmp_path: Path) -> None:
    draft = resolve("draft")
    file = tmp_path / "draft.safetensors"
    file.write_bytes(draft.path.read_bytes())
    engines = Engines("cpu", 1)
    first = engines.checkpoint(str(file))
    assert engines.checkpoint(str(file)) is first
    os.utime(file, ns=(1, 1))
    again = engines.checkpoint(str(file))
    assert again is not first and again.identity == first.identity == draft.identity


def test_another_model_takes_the_place_of_the_first() -> None:
    engines = Engines("cpu", 1, lambda checkpoint, device, threads: Engine(None, checkpoint, device), kept=1)
    one, other = (SimpleNamespace(identity=n, name=n) for n in ("one", "other"))
    first = engines.engine(one)
    engines.engine(other)
    assert engines.engine(one) is not first
