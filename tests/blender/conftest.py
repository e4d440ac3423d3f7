# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps the tests that import bpy out of the interpreters that have none, and builds the extension once."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from tests.blender.bpy_process import built_extension
from tests.conftest import INSIDE_BLENDER

collect_ignore = [] if importlib.util.find_spec("bpy") else ["inside"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those that wait for runs inside of Blender come last: these go on beside all else."""
    items.sort(key=lambda item: item.path.name == INSIDE_BLENDER)


@pytest.fixture(scope="session")
def extension_zip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The extension without an engine."""
    out = tmp_path_factory.mktemp("Läufer dist")
    package = built_extension(out)
    assert package.parent == out
    return package
