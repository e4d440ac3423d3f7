# SPDX-License-Identifier: GPL-3.0-or-later
"""Which runtime is taken, what it needs, and the whole way without torch."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from rotopoint.checkpoints import resolve
from rotopoint.errors import (
    CheckpointBroken,
    GraphsMissing,
    KernelsUnavailable,
    PackageMissing,
    RuntimeMissing,
)
from rotopoint.messages import explain
from rotopoint.tracking import runtimes
from rotopoint.tracking.engine import load_engine
from rotopoint.tracking.onnx import graphs
from rotopoint.tracking.onnx.graphs import RECORD, graphs_folder, read_graphs
from rotopoint.tracking.runtimes import RUNTIME_VARIABLE, RUNTIMES, choose_runtime

NONE = "no_such_package"


def without(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    for name in names:
        monkeypatch.setitem(RUNTIMES, name, dataclasses.replace(RUNTIMES[name], packages=(NONE,)))


def test_the_first_that_is_installed_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(RUNTIME_VARIABLE, raising=False)
    assert choose_runtime() == choose_runtime("auto") == "torch"
    without(monkeypatch, "torch")
    assert choose_runtime("auto") == "onnx"
    without(monkeypatch, "onnx")
    with pytest.raises(PackageMissing):
        choose_runtime("auto")


def test_one_is_taken_by_name_or_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(RUNTIME_VARIABLE, "ONNX")
    assert choose_runtime() == "onnx"
    assert choose_runtime("torch") == "torch"
    without(monkeypatch, "torch")
    with pytest.raises(RuntimeMissing) as raised:
        choose_runtime("torch")
    assert explain(raised.value) == (
        f"the runtime torch lacks the package {NONE}; install it, or choose --runtime auto"
    )


def test_kernels_of_all_runtimes_have_keys_of_their_own() -> None:
    keys = [kernels.key for kernels in runtimes.ALL_KERNELS]
    assert keys == ["fp32", "bf16", "fp16", "onnx fp32", "onnx fp16", "onnx int8"]


def test_graphs_that_are_not_there_are_asked_for(draft_graphs: Path, tmp_path: Path) -> None:
    draft = resolve("draft")
    moved = dataclasses.replace(draft, path=tmp_path / "räder 1.safetensors")
    with pytest.raises(GraphsMissing) as raised:
        load_engine(moved, "cpu", 1, "fp32", runtime="onnx")
    assert "rotopoint checkpoints export draft" in explain(raised.value)
    # Those of other weights are as good as none.
    with pytest.raises(GraphsMissing):
        read_graphs("draft", draft.path, "other weights")
    with pytest.raises(GraphsMissing) as raised:
        load_engine(moved, "cpu", 1, "int8", runtime="onnx")
    assert "rotopoint checkpoints export draft --kernels int8" in explain(raised.value)


@pytest.mark.parametrize(("runtime", "kernels"), [("onnx", "bf16"), ("torch", "int8")])
def test_a_precision_that_a_runtime_lacks_is_refused(runtime: str, kernels: str) -> None:
    with pytest.raises(KernelsUnavailable):
        load_engine(resolve("draft"), "cpu", 1, kernels, runtime=runtime)


def test_graphs_of_another_exporter_are_as_good_as_none(
    draft_graphs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft = resolve("draft")
    read_graphs("draft", draft.path, draft.identity)
    monkeypatch.setattr(graphs, "EXPORTER", graphs.EXPORTER + 1)
    with pytest.raises(GraphsMissing):
        read_graphs("draft", draft.path, draft.identity)


@pytest.mark.parametrize("fault", ["truncated", "gone", "record"])
def test_damaged_graphs_are_told(draft_graphs: Path, tmp_path: Path, fault: str) -> None:
    draft = resolve("draft")
    moved = dataclasses.replace(draft, path=tmp_path / "räder 1.safetensors")
    folder = graphs_folder(moved.path)
    folder.mkdir()
    for file in draft_graphs.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    read_graphs("draft", moved.path, draft.identity)
    file = folder / "memory_encoder.onnx"
    match fault:
        case "truncated":
            file.write_bytes(file.read_bytes()[:-1])
        case "gone":
            file.unlink()
        case "record":
            (folder / RECORD).write_text("checkpoint = ")
    with pytest.raises(CheckpointBroken):
        read_graphs("draft", moved.path, draft.identity)


WITHOUT_TORCH = """
import sys
for name in ("torch", "sam2", "safetensors"):
    sys.modules[name] = None
from rotopoint.cli import main
sys.exit(main(sys.argv[1:]))
"""


def test_a_clip_is_tracked_where_torch_is_not(draft_graphs: Path, tmp_path: Path) -> None:
    cv2 = pytest.importorskip("cv2")
    plate = tmp_path / "flöte 1"
    plate.mkdir()
    noise = np.random.default_rng(5).integers(40, 80, (64, 96, 3), np.uint8)
    for n in range(3):
        drawn = noise.copy()
        drawn[8:36, 8 + 3 * n : 36 + 3 * n] = (40, 200, 220)
        (plate / f"plate_{n + 1:03d}.png").write_bytes(cv2.imencode(".png", drawn)[1].tobytes())
    command = [
        sys.executable,
        "-c",
        WITHOUT_TORCH,
        "track",
        str(plate),
        "--subject",
        "cup",
        "--point",
        "1:20,20",
    ]
    out = tmp_path / "mattes"
    places = ["-o", str(out), "--store", str(tmp_path / "store"), "--threads", "1"]
    done = subprocess.run([*command, *places], capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    mattes = sorted(out.glob("*.png"))
    assert len(mattes) == 3
    for n, matte in enumerate(mattes):
        drawn = cv2.imdecode(np.frombuffer(matte.read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED) > 0x7FFF
        inside = drawn[8:36, 8 + 3 * n : 36 + 3 * n]
        assert inside.mean() > 0.9 and drawn.sum() < 1.4 * inside.size
