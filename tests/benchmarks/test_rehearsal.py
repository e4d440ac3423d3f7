# SPDX-License-Identifier: GPL-3.0-or-later
"""What waits for a GPU runs on the CPU: the whole measurement, and every test that is marked for one."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("torch")

from benchmarks.gpu.contestants import Contestant
from benchmarks.gpu.measuring import Budget, TimeShort, measure
from benchmarks.gpu.rows import CONTESTANTS, ROWS, Row, rehearsed
from benchmarks.gpu.sizes import FULL, RANDOM, Footage, trained_or_random
from rotopoint.checkpoints import FOLDER_VARIABLE, resolve
from rotopoint.tracking.sam2.build import build_model
from rotopoint.tracking.sam2.weights import read_state
from tests.core.tracking.upstream import upstream_predictor

ROOT = Path(__file__).resolve().parents[2]
LIMIT_SECONDS = 280

WITHOUT = """
import runpy, sys
for name in ("hydra", "omegaconf", "pytest", "hypothesis"):
    sys.modules[name] = None
runpy.run_module("benchmarks.gpu", run_name="__main__", alter_sys=True)
"""
"""What benchmarks/README.md does not name is not needed."""


def run(*command: str) -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join((str(ROOT / "core"), str(ROOT)))
    return subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        # Sizes are too small for threads to pay.
        env={**os.environ, "PYTHONPATH": paths, "PYTHONIOENCODING": "utf-8", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        encoding="utf-8",
        timeout=LIMIT_SECONDS,
        check=False,
    )


def rows_in(results: Path) -> list[list[str]]:
    """The table's cells, below its head."""
    lines = [line for line in results.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_the_measurement_is_rehearsed(tmp_path: Path) -> None:
    out = tmp_path / "Messung ä" / "gpu.md"
    done = run("-c", WITHOUT, "--rehearse", "--out", str(out))
    assert done.returncode == 0, done.stderr[-4000:]
    rows = rows_in(out)
    assert [(row[0].split(",")[0], int(row[1]), row[2]) for row in rows] == [
        (row.model, row.subjects, row.contestant) for row in rehearsed(ROWS)
    ]
    assert {row[2] for row in rows} == {name for name, entry in CONTESTANTS.items() if entry.rehearses}
    for model, _, contestant, whole, of_model, peak, first, further in rows:
        assert ("random weights" in model) == (model != "draft")
        assert all(math.isfinite(float(rate)) and float(rate) > 0 for rate in (whole, of_model))
        assert peak == "-"
        compiled = contestant == "upstream vos_optimized"
        assert all(click == "-" if compiled else float(click) > 0 for click in (first, further))


def test_a_row_that_fails_is_told_and_the_next_one_follows(tmp_path: Path) -> None:
    out = tmp_path / "gpu.md"
    rows = ["draft:0:ours", "draft:1:ours"]
    done = run("-m", "benchmarks.gpu", "--rehearse", "--out", str(out), "--rows", *rows)
    assert done.returncode == 1
    failed, measured = rows_in(out)
    assert failed[3].startswith("failed: ") and float(measured[3]) > 0
    assert "Traceback" in out.with_suffix(".log").read_text(encoding="utf-8")


def test_every_test_for_a_gpu_is_rehearsed(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    files = [
        str(file.relative_to(ROOT))
        for file in sorted((ROOT / "tests").rglob("test_*.py"))
        if "mark.cuda" in file.read_text(encoding="utf-8") and file != Path(__file__).resolve()
    ]
    done = run("-m", "pytest", "-m", "cuda and not slow", "--rehearse", "-q", f"--junitxml={report}", *files)
    assert done.returncode == 0, done.stdout[-6000:]
    suite = ElementTree.parse(report).getroot().find("testsuite")
    assert suite is not None and int(suite.attrib["tests"]) >= 5
    assert int(suite.attrib["skipped"]) == 0


class Slow(Contestant):
    """Takes no time, and says that it takes a second a frame."""

    def __init__(self) -> None:
        super().__init__(None, "cpu", 1, (16, 9))
        self.asked: list[str] = []

    def whole(self, clip: Path, folder: Path) -> None:
        self.asked.append(clip.name)

    def model(self, clip: Path, folder: Path) -> Callable[[], None]:
        return lambda: self.asked.append(clip.name)

    def clicks(self, clip: Path, folder: Path, frame: int) -> Iterator[Callable[[], None]]:
        return iter(())

    def seconds(self, work: Callable[[], None]) -> float:
        work()
        return float(FULL.warm_up)


def test_what_there_is_no_time_for_is_left_out(tmp_path: Path) -> None:
    shown = Footage(Path("clip"), Path("start"), FULL)
    slow = Slow()
    with pytest.raises(TimeShort, match="it takes about 600 s, and"):
        measure(slow, shown, tmp_path, Budget(time.monotonic(), 100.0))
    assert "clip" not in slow.asked
    measured = measure(slow, shown, tmp_path, Budget(time.monotonic(), 1e6))
    assert list(measured.cells()) == ["15.0", "15.0", "-", "-", "-"]


def test_upstream_compiles_what_its_own_builder_does() -> None:
    """Else its fastest variant would be measured with a slow image encoder."""
    draft = resolve("draft")
    for compiled in (False, True):
        predictor = upstream_predictor(draft.configuration, draft.path, compiled)
        parts = (
            "image_encoder",
            "memory_attention",
            "memory_encoder",
            "sam_prompt_encoder",
            "sam_mask_decoder",
        )
        for part in parts:
            forward = getattr(predictor, part).forward
            assert hasattr(forward, "_torchdynamo_orig_callable") == compiled, part


def test_weights_are_random_where_there_are_no_trained_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "downloads"))
    made = trained_or_random("tiny", tmp_path)
    assert made.sha256 == RANDOM and made.configuration.image_size == 1024
    assert read_state(made.path).keys() == build_model(made.configuration).state_dict().keys()
    assert trained_or_random("draft", tmp_path) == resolve("draft")


def test_rows_that_would_be_the_same_are_rehearsed_once() -> None:
    rows = [Row("tiny", 1, "ours"), Row("large", 1, "ours"), Row("draft", 1, "ours"), Row("large", 4, "ours")]
    assert rehearsed(rows) == [rows[0], rows[2], rows[3]]


def test_a_row_is_named_by_what_it_says() -> None:
    assert [Row.parse(str(row)) for row in ROWS] == list(ROWS)
    with pytest.raises(ValueError, match="known are ours, upstream"):
        Row.parse("tiny:1:theirs")
