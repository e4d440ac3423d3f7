# SPDX-License-Identifier: GPL-3.0-or-later
"""The tests in `inside/` under way in each bpy, beside whatever else is tested."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from tests.blender.bpy_process import ENGINE_VARIABLE, run_in_bpy

INSIDE = Path(__file__).parent / "inside"

LIMIT_SECONDS = 600

HAS_ENGINE = importlib.util.find_spec("torch") is not None


@contextmanager
def inside_runs(
    versions: Iterable[str], new_folder: Callable[[str], Path], at_once: int
) -> Iterator[Mapping[str, Future[Path]]]:
    """The report of each version that is to be tested, so many `at_once`: each keeps one core busy. What has
    not begun when nobody waits any more is left out. Folders are made before any of them begins: two threads
    that ask pytest for its first folder at once are each given a place of their own for all."""
    folders = {version: new_folder(f"inside-{version}") for version in versions}

    def tested(version: str, folder: Path) -> Path:
        report = folder / "report.xml"
        asked = ("-q", f"--junitxml={report}", f"--basetemp={folder / 'inside'}")
        engine = os.environ.get(ENGINE_VARIABLE, sys.executable if HAS_ENGINE else "")
        variables = {ENGINE_VARIABLE: engine} if engine else {}
        run_in_bpy(version, INSIDE / "run.py", *asked, timeout=LIMIT_SECONDS, variables=variables)
        return report

    pool = ThreadPoolExecutor(at_once, thread_name_prefix="inside")
    try:
        yield {version: pool.submit(tested, version, folder) for version, folder in folders.items()}
    finally:
        pool.shutdown(cancel_futures=True)
