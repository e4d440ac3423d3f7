# SPDX-License-Identifier: GPL-3.0-or-later
"""Models are loaded once, and devices other than the CPU given back."""

from __future__ import annotations

import os
import weakref
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from rotopoint.checkpoints import ResolvedCheckpoint, resolve
from rotopoint.tracking.cache import Kept
from rotopoint.tracking.engine import Engine, load_engine
from rotopoint.tracking.sam2 import backend
from rotopoint.worker import engines as engines_module
from rotopoint.worker.clips import OpenClip
from rotopoint.worker.engines import Engines

pytest.importorskip("torch")


@pytest.fixture(params=["cpu", "cuda"])
def device(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """As if the machine had it."""
    monkeypatch.setattr(engines_module, "choose_device", lambda asked, runtime: request.param)
    return request.param


def test_a_model_is_loaded_once_and_only_a_gpu_is_given_back(device: str) -> None:
    loads = []

    def load(checkpoint, device, threads):
        loads.append((checkpoint.name, device, threads))
        return Engine(SimpleNamespace(), checkpoint, device, backend)

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
    engines = Engines(
        "cpu", 1, lambda checkpoint, device, threads: Engine(None, checkpoint, device, backend), kept=1
    )
    one, other = (SimpleNamespace(identity=n, name=n) for n in ("one", "other"))
    first = engines.engine(one)
    engines.engine(other)
    assert engines.engine(one) is not first


@pytest.mark.parametrize("change", ["comes", "changes", "goes"])
def test_a_configuration_beside_the_file_is_noticed(tmp_path: Path, change: str) -> None:
    draft = resolve("draft")
    file, beside = tmp_path / "mine.safetensors", tmp_path / "mine.toml"
    file.write_bytes(draft.path.read_bytes())
    text = draft.path.with_suffix(".toml").read_text(encoding="utf-8")
    size = draft.configuration.image_size
    if change != "comes":
        beside.write_text(text.replace(f"image_size = {size}", "image_size = 320"), encoding="utf-8")
    engines = Engines("cpu", 1)
    before = engines.checkpoint(str(file))
    if change == "goes":
        beside.unlink()
    else:
        beside.write_text(text.replace(f"image_size = {size}", "image_size = 256 "), encoding="utf-8")
    after = engines.checkpoint(str(file))
    assert after.configuration.image_size == (size if change == "goes" else 256)
    assert after.identity != before.identity


def test_a_model_is_let_go_before_another_one_is_loaded() -> None:
    """Also by clips that were tracked with it."""
    alive: list[int] = []
    models: list[weakref.ref[object]] = []

    def load(checkpoint: ResolvedCheckpoint, device: str, threads: int) -> Engine:
        alive.append(sum(model() is not None for model in models))
        engine = load_engine(checkpoint, device, threads, "fp32")
        models.append(weakref.ref(engine.runtime))
        return engine

    draft = resolve("draft")
    other = replace(draft, configuration=replace(draft.configuration, image_size=320))
    engines, kept = Engines("cpu", 1, load), Kept()
    clip = SimpleNamespace(identity="clip", read=lambda frame: np.zeros((8, 8, 3), np.uint8))
    opened = OpenClip(clip, ())
    for checkpoint in (draft, other, draft):
        cache = opened.cache(engines.engine(checkpoint), kept)
        assert opened.cache(engines.engine(checkpoint), kept) is cache
        del cache
    assert alive == [0, 0, 0]
    assert opened.features is not None
    kept.close()
