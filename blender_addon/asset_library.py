# SPDX-License-Identifier: GPL-3.0-or-later
"""The node group Rotopoint in an asset library of the user's, so that every file's Asset Browser offers it.

Blender itself writes it: what the group is made of differs from one version to the next. The preferences, in
which the library is entered, are the user's: nothing is entered there unasked.
"""

from __future__ import annotations

from pathlib import Path

import bpy
from bpy.types import Context, Operator

from .compositor.node_group import NAME, new_node_group
from .faults import Refused
from .guarded import GuardedOperator
from .package import kept_folder

FOLDER = "assets"


def assets_folder() -> Path:
    return kept_folder(FOLDER)


def write_asset(folder: Path) -> Path:
    """Write a .blend with the group alone, over an earlier one; the open file stays as it is.

    Raises Refused, OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "rotopoint.blend"
    namesake = bpy.data.node_groups.get((NAME, None))
    if namesake is not None:
        namesake.name = f"{NAME} aside"
    tree = new_node_group()
    try:
        bpy.data.libraries.write(str(file), {tree}, fake_user=True, compress=True)
    except RuntimeError as error:
        raise Refused(f"cannot write {file}") from error
    finally:
        bpy.data.node_groups.remove(tree)
        if namesake is not None:
            namesake.name = NAME
    return file


class ROTOPOINT_OT_asset_library_add(GuardedOperator, Operator):
    """Let the Asset Browser of every file offer the node group Rotopoint, in an asset library of its own.
    Press it again after an update of the extension or of Blender"""

    bl_idname = "rotopoint.asset_library_add"
    bl_label = "Add Node Group to Asset Browser"
    bl_options = {"REGISTER"}

    def work(self, context: Context) -> None:
        file = write_asset(assets_folder())
        libraries = context.preferences.filepaths.asset_libraries
        if all(Path(library.path) != file.parent for library in libraries):
            libraries.new(name=NAME, directory=str(file.parent))
            context.preferences.is_dirty = True
        self.report({"INFO"}, f"Asset library {NAME}: {file.parent}")


CLASSES = (ROTOPOINT_OT_asset_library_add,)


def register() -> None:
    for cls in CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
