# SPDX-License-Identifier: GPL-3.0-or-later
"""The node group as an asset of every file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import bpy
import numpy as np
import pytest

from blender_addon.asset_library import assets_folder
from blender_addon.compositor.node_group import ensure_node_group
from tests.blender.inside.footage import matte
from tests.blender.inside.test_node_group import alpha, build

pytestmark = pytest.mark.usefixtures("addon")


@pytest.fixture
def libraries() -> Iterator[bpy.types.AssetLibraryCollection]:
    """Those of the preferences, which are as they were afterwards."""
    libraries = bpy.context.preferences.filepaths.asset_libraries
    before = len(libraries)
    yield libraries
    while len(libraries) > before:
        libraries.remove(libraries[-1])


def test_the_group_is_written_and_its_library_entered_once(
    libraries: bpy.types.AssetLibraryCollection, scene: bpy.types.Scene, tmp_path: Path
) -> None:
    mine = ensure_node_group()
    before = len(libraries)
    for _ in range(2):
        assert bpy.ops.rotopoint.asset_library_add() == {"FINISHED"}
    assert len(libraries) == before + 1
    assert (libraries[-1].name, Path(libraries[-1].path)) == ("Rotopoint", assets_folder())
    assert [(tree, tree.name) for tree in bpy.data.node_groups] == [(mine, "Rotopoint")]

    bpy.data.node_groups.remove(mine)
    (file,) = assets_folder().glob("*.blend")
    with bpy.data.libraries.load(str(file), assets_only=True) as (there, taken):
        assert there.node_groups == ["Rotopoint"]
        taken.node_groups = there.node_groups
    (appended,) = bpy.data.node_groups
    assert ensure_node_group() == appended and appended.asset_data is not None
    build(scene, tmp_path, matte(6))
    assert np.abs(alpha(scene, tmp_path).astype(int) - matte(6)).max() <= 1


def test_a_group_that_is_linked_stands_in_nobodys_way(
    libraries: bpy.types.AssetLibraryCollection, scene: bpy.types.Scene
) -> None:
    """As whoever drags it from the Asset Browser may have it; it cannot be renamed."""
    bpy.ops.rotopoint.asset_library_add()
    (file,) = assets_folder().glob("*.blend")
    with bpy.data.libraries.load(str(file), link=True) as (there, taken):
        taken.node_groups = there.node_groups
    (linked,) = bpy.data.node_groups
    assert bpy.ops.rotopoint.asset_library_add() == {"FINISHED"}
    assert list(bpy.data.node_groups) == [linked] and linked.name == "Rotopoint"
