# SPDX-License-Identifier: GPL-3.0-or-later
"""Each test begins with an empty Blender and a small scene whose picture is what the compositor makes."""

from __future__ import annotations

from collections.abc import Iterator

import bpy
import pytest

from tests.blender.inside.addon import enabled
from tests.blender.inside.footage import HEIGHT, WIDTH


@pytest.fixture
def scene() -> bpy.types.Scene:
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    scene = bpy.context.scene
    # Nothing 3D is rendered; Workbench needs no camera.
    scene.render.engine = "BLENDER_WORKBENCH"
    scene.render.resolution_x, scene.render.resolution_y = WIDTH, HEIGHT
    scene.render.resolution_percentage = 100
    scene.render.use_sequencer = False
    scene.view_settings.view_transform = "Standard"
    return scene


@pytest.fixture
def addon(scene: bpy.types.Scene) -> Iterator[None]:
    with enabled():
        yield
