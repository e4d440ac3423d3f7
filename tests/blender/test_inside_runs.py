# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes on beside the tests is begun so that it cannot get in their way."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests.blender import inside_runs


def test_folders_are_made_before_threads_begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inside_runs, "run_in_bpy", lambda *_, **__: None)
    makers: set[threading.Thread] = set()

    def new_folder(name: str) -> Path:
        makers.add(threading.current_thread())
        (tmp_path / name).mkdir()
        return tmp_path / name

    with inside_runs.inside_runs(("4.2", "5.0"), new_folder, at_once=2) as running:
        reports = {version: future.result(timeout=60) for version, future in running.items()}
    assert reports == {v: tmp_path / f"inside-{v}" / "report.xml" for v in ("4.2", "5.0")}
    assert makers == {threading.current_thread()}
