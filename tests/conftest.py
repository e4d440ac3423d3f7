# SPDX-License-Identifier: GPL-3.0-or-later
"""Property tests are judged by what they find, not by how busy the machine is; tests for a GPU have it from
one place."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import torch

# The environments of Blender have none.
if importlib.util.find_spec("hypothesis") is not None:
    from hypothesis import settings

    settings.register_profile("project", deadline=None)
    settings.load_profile("project")


INSIDE_BLENDER = "test_inside_blender.py"
"""Its tests wait for runs that begin with the first test of all."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--rehearse", action="store_true", help="run the tests for a GPU on the CPU, in small sizes: -m cuda"
    )


@pytest.fixture(scope="session")
def gpu(request: pytest.FixtureRequest) -> torch.device:
    """CUDA, or with --rehearse the CPU in its place; tests take their sizes from it."""
    torch = pytest.importorskip("torch")
    if request.config.getoption("--rehearse"):
        return torch.device("cpu")
    if not torch.cuda.is_available():
        pytest.skip("no NVIDIA GPU, and no --rehearse")
    return torch.device("cuda")


@pytest.fixture(scope="session", autouse=True)
def running_inside(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[str, Future[Path]]]:
    """The tests inside of each Blender that is to be tested, under way beside all others."""
    waiting = [item for item in request.session.items if item.path.name == INSIDE_BLENDER]
    if not waiting:
        yield {}
        return
    from tests.blender.inside_runs import inside_runs

    versions = [item.callspec.params["version"] for item in waiting]  # type: ignore[attr-defined]
    # What goes on beside them has a core of its own.
    at_once = 1 if len(waiting) < len(request.session.items) else 2
    with inside_runs(versions, tmp_path_factory.mktemp, at_once) as running:
        yield running
