# SPDX-License-Identifier: GPL-3.0-or-later
"""What the engine's tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

from rotopoint.cores import share_cores

# Before a test module imports torch: threads that spin starve each other where others want the cores too.
share_cores()

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def footage() -> Path:
    """Real footage beside the repository; it is not part of the project."""
    folder = ROOT.parent / "shared" / "footage"
    if not folder.is_dir():
        pytest.skip(f"no footage at {folder}")
    return folder


@pytest.fixture(scope="session", autouse=True)
def two_threads() -> None:
    try:
        import torch
    except ImportError:
        return
    torch.set_num_threads(2)


@pytest.fixture(scope="session")
def draft_graphs() -> Path:
    """The folder of the draft model's graphs for ONNX Runtime, exported where they are not there yet: half a
    minute, once for a checkout."""
    pytest.importorskip("torch")
    from rotopoint.checkpoints import resolve
    from rotopoint.tracking.onnx.export import ensure_graphs

    return ensure_graphs(resolve("draft"))
