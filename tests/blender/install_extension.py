# SPDX-License-Identifier: GPL-3.0-or-later
"""Installs the extension's zip, uses, updates and removes it: run inside bpy by test_extension.py.

Arguments: the zip; the zip of a newer version; a clip; the first file of its mattes, numbered from 1; how
many there are; a frame to render; a folder. It writes rendered.png and report.json: `add_on` and `core`,
where the modules were imported from; `versions` of core before and after the update; `disabled` and
`removed`, what then was left of the extension in Blender.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import sys
from pathlib import Path

import bpy

ID = "rotopoint"
MODULE = f"bl_ext.user_default.{ID}"


def forget_the_repository() -> None:
    """Let `import rotopoint` find nothing: the environment may have it installed from the repository."""
    sys.path[:] = [entry for entry in sys.path if not Path(entry, "rotopoint", "__init__.py").is_file()]
    importlib.invalidate_caches()
    spec = importlib.util.find_spec("rotopoint")
    # Package data alone, which an editable installation leaves beside, has no origin.
    if spec is not None and spec.origin is not None:
        raise SystemExit(f"rotopoint is imported from {spec.origin} before the extension is installed")


def lasting_state() -> dict[str, list[str]]:
    """All in Blender that an extension can leave behind, by kind."""
    handlers = bpy.app.handlers
    kinds = (bpy.types.MovieClip, bpy.types.Scene, bpy.types.WindowManager, bpy.types.Object)
    keymaps = bpy.context.window_manager.keyconfigs.addon.keymaps
    user_folder = Path(os.environ["BLENDER_USER_RESOURCES"])
    return {
        "modules": sorted(
            name for name in sys.modules if name.split(".")[0] == ID or name.startswith(MODULE)
        ),
        "handlers": sorted(
            f"{name}: {function}"
            for name in dir(handlers)
            if isinstance(getattr(handlers, name), list)
            for function in getattr(handlers, name)
        ),
        "properties": sorted(
            f"{kind.__name__}.{name}" for kind in kinds for name in kind.bl_rna.properties.keys()
        ),
        "types": sorted(name for name in dir(bpy.types) if ID in name.lower()),
        "operators": sorted(name for name in dir(bpy.ops) if ID in name.lower()),
        "keymap items": sorted(
            f"{keymap.name}: {item.idname}" for keymap in keymaps for item in keymap.keymap_items
        ),
        "files": sorted(
            str(p) for p in user_folder.rglob("*") if ID in p.relative_to(user_folder).as_posix()
        ),
        "import paths": sorted(entry for entry in sys.path if Path(entry, ID, "__init__.py").is_file()),
    }


def use(clip_path: str, matte: str, count: int, frame: int, folder: Path) -> None:
    """Wire mattes to a clip with the installed add-on's own functions and render one frame."""
    compositor = importlib.import_module(f"{MODULE}.compositor")
    scene = bpy.context.scene
    clip = bpy.data.movieclips.load(clip_path)
    compositor.wire(scene, clip, [compositor.MatteSequence("id", "subject", Path(matte), 1, count)])
    scene.render.engine = "BLENDER_WORKBENCH"
    scene.render.resolution_x, scene.render.resolution_y = clip.size
    scene.view_settings.view_transform = "Standard"
    scene.render.image_settings.file_format = "PNG"
    scene.render.image_settings.color_mode = "RGBA"
    scene.render.filepath = str(folder / "rendered.png")
    scene.frame_set(frame)
    bpy.ops.render.render(write_still=True)


def install(package: str) -> None:
    bpy.ops.extensions.package_install_files(filepath=package, repo="user_default", enable_on_install=True)


def left(before: dict[str, list[str]]) -> dict[str, list[str]]:
    """What there is more or less than before, by kind."""
    return {kind: sorted({*now} ^ {*before[kind]}) for kind, now in lasting_state().items()}


def main() -> None:
    package, newer, clip, matte, count, frame, folder = sys.argv[1:]
    forget_the_repository()
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    before = lasting_state()
    install(package)
    add_on = importlib.import_module(MODULE)
    core = importlib.import_module("rotopoint")
    use(clip, matte, int(count), int(frame), Path(folder))
    report = {"add_on": add_on.__file__, "core": core.__file__}
    install(newer)
    report["versions"] = [core.__version__, importlib.import_module("rotopoint").__version__]
    bpy.ops.preferences.addon_disable(module=MODULE)
    report["disabled"] = left(before)
    bpy.ops.preferences.addon_enable(module=MODULE)
    repositories = [repository.module for repository in bpy.context.preferences.extensions.repos]
    bpy.ops.extensions.package_uninstall(repo_index=repositories.index("user_default"), pkg_id=ID)
    report["removed"] = left(before)
    Path(folder, "report.json").write_text(json.dumps(report), encoding="utf-8")


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    # Some versions of bpy crash or hang as the interpreter ends.
    os._exit(0)
