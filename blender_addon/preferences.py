# SPDX-License-Identifier: GPL-3.0-or-later
"""The user's preferences: which engine runs, and where it keeps what. No .blend can name them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

import bpy
from bpy.props import CollectionProperty, EnumProperty, IntProperty, StringProperty
from bpy.types import AddonPreferences, Context

from rotopoint.checkpoints import FOLDER_VARIABLE
from rotopoint.tracking.limits import MIB, MemoryLimits
from rotopoint.worker.elsewhere import PathMapping

from .elsewhere import ROTOPOINT_folder_pair, draw_pairs, mapping
from .environment import python_of, usable
from .faults import EngineNotSet, Refused
from .offer import offered
from .package import blenders_python, brought_engine, package_folder

MODULE = "rotopoint.worker"

USUAL = MemoryLimits()

NO_ENGINE = (
    "this build brings no engine: install the zip for your system and your Blender, or set the Python of "
    "Rotopoint's engine in the add-on's preferences"
)
NO_ENGINE_BUT_ONE = (
    "this build brings no engine: set up the large one in the add-on's preferences, or install the zip for "
    "your system and your Blender"
)

DEVICES = (
    ("auto", "Automatic", "A GPU where there is one"),
    ("cpu", "CPU", "Processor"),
    ("cuda", "CUDA", "NVIDIA GPU"),
    ("mps", "Metal", "GPU of Apple"),
)

RUNTIMES = (
    ("auto", "Automatic", "PyTorch where the engine has it, else ONNX Runtime"),
    ("torch", "PyTorch", "All checkpoints, and GPUs"),
    ("onnx", "ONNX Runtime", "What the extension brings, and checkpoints that were exported for it"),
)

BUILDS = (
    ("auto", "Automatic", "What suits this machine"),
    ("cpu", "CPU", "Processor"),
    ("cuda13", "CUDA 13", "NVIDIA GPU"),
    ("cuda12", "CUDA 12", "NVIDIA GPU, older card or driver"),
    ("rocm", "ROCm", "AMD GPU on Linux"),
    ("metal", "Metal", "GPU of Apple"),
)


def split_command(line: str) -> list[str]:
    """A command's words; spaces count inside of double quotes. Backslashes are kept: Windows has them."""
    return [quoted or plain for quoted, plain in re.findall(r'"([^"]*)"|(\S+)', line)]


def join_command(words: Iterable[str]) -> str:
    """A line that `split_command` takes apart again."""
    return " ".join(f'"{word}"' if re.search(r"\s", word) else word for word in words)


class ROTOPOINT_preferences(AddonPreferences):
    bl_idname = __package__

    interpreter: StringProperty(
        name="Python",
        description="Python interpreter of an environment that Rotopoint's engine is installed in, for large "
        "models and GPUs; empty: the engine that the extension brings",
        subtype="FILE_PATH",
    )
    engine: StringProperty(
        name="Engine",
        description=f"Whole command of the engine, in place of: Python -m {MODULE}",
    )
    folder_pairs: CollectionProperty(type=ROTOPOINT_folder_pair)
    checkpoint_folder: StringProperty(
        name="Checkpoints",
        description="Folder of downloaded checkpoints; empty: the user's data folder",
        subtype="DIR_PATH",
    )
    store_folder: StringProperty(
        name="Tracks",
        description="Folder of stored tracks, which can be computed again; empty: the user's cache folder",
        subtype="DIR_PATH",
    )
    device: EnumProperty(name="Device", description="What computes", items=DEVICES, default="auto")
    runtime: EnumProperty(name="Runtime", description="What runs the model", items=RUNTIMES, default="auto")
    build: EnumProperty(
        name="Build", description="Build of PyTorch that is set up", items=BUILDS, default="auto"
    )
    package_index: StringProperty(
        name="Packages",
        description="Address of a mirror of the Python package index, or a folder of wheels; empty: as pip "
        "is set up on this machine, usually pypi.org",
    )
    torch_index: StringProperty(
        name="PyTorch",
        description="Address of a mirror of PyTorch's own package index; empty: download.pytorch.org/whl",
    )
    setup_python: StringProperty(
        name="Install for",
        description="Python (3.11 to 3.14) that the packages are installed for; empty: Blender's own, or one "
        "that is found",
        subtype="FILE_PATH",
    )
    threads: IntProperty(
        name="Threads", description="Threads on the CPU; 0: all cores but one", min=0, soft_max=64
    )

    cache_memory: IntProperty(
        name="Memory",
        description="Memory for what the engine found in pictures, in MiB, which corrections need again; "
        f"0: {USUAL.on_cpu // MIB}, or {USUAL.beside_gpu // MIB} beside a GPU",
        min=0,
        soft_max=65536,
    )
    cache_disk: IntProperty(
        name="Disk",
        description="Room on disk for what memory has none for, in MiB, where the CPU computes; 0: none",
        default=USUAL.disk // MIB,
        min=0,
        soft_max=1048576,
    )
    cache_gpu: IntProperty(
        name="GPU",
        description="Memory of the GPU for what it found in pictures, in MiB, besides the model; "
        "what has no room there goes to memory",
        default=USUAL.gpu // MIB,
        min=0,
        soft_max=65536,
    )

    def command(self) -> list[str]:
        """The engine's command with its arguments. Raises EngineNotSet."""
        words = split_command(self.engine)
        if not words:
            words = [*self.python(), "-m", MODULE]
        if self.store_folder:
            words += ["--store", self.paths().there(bpy.path.abspath(self.store_folder))]
        if self.device != "auto":
            words += ["--device", self.device]
        if self.runtime != "auto":
            words += ["--runtime", self.runtime]
        if self.threads:
            words += ["--threads", str(self.threads)]
        if self.cache_memory:
            words += ["--cache-memory", str(self.cache_memory)]
        if self.cache_disk != USUAL.disk // MIB:
            words += ["--cache-disk", str(self.cache_disk)]
        if self.cache_gpu != USUAL.gpu // MIB:
            words += ["--cache-gpu", str(self.cache_gpu)]
        return words

    def paths(self) -> PathMapping:
        """How the engine's machine calls the folders of this one."""
        return mapping(self.folder_pairs if self.engine.strip() else ())

    def python(self) -> list[str]:
        """The command of the interpreter that the engine runs on where it is no command of its own. Raises
        EngineNotSet."""
        if self.interpreter:
            return [bpy.path.abspath(self.interpreter)]
        if (made := usable()) is not None:
            return python_of(made)
        if self.brought is None:
            raise EngineNotSet(NO_ENGINE_BUT_ONE if offered() else NO_ENGINE)
        return blenders_python()

    @property
    def brought(self) -> Path | None:
        """The folder of the engine that the extension brings, where it does and no other is named."""
        return None if self.interpreter or self.engine.strip() or usable() else brought_engine()

    def package_folder(self) -> Path:
        """The folder that the engine finds `rotopoint` in. Raises OutputUnwritable."""
        return self.brought or package_folder()

    def environment(self) -> dict[str, str]:
        """What the engine's environment has beside Blender's."""
        variables = {}
        if self.checkpoint_folder:
            variables[FOLDER_VARIABLE] = str(Path(bpy.path.abspath(self.checkpoint_folder)).absolute())
        made = None if self.interpreter or self.engine.strip() else usable()
        if made is not None:
            # This side's own package comes first.
            variables["PYTHONPATH"] = os.pathsep.join((str(self.package_folder()), str(made.packages)))
        return variables

    def draw(self, context: Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        # What it draws knows the engine, which asks for the preferences.
        from .engine_state import draw_engine

        draw_engine(
            layout,
            context,
            brought=self.brought is not None,
            named=bool(self.engine.strip() or self.interpreter),
        )
        if offered():
            from .setup.checkpoints import draw_checkpoints
            from .setup.panel import draw_setup

            draw_setup(layout, context)
            draw_checkpoints(layout, context)
        column = layout.column()
        row = column.row()
        row.active = not self.engine
        row.prop(self, "interpreter")
        column.prop(self, "engine")
        if self.engine.strip():
            draw_pairs(layout, context, self.folder_pairs)
        column = layout.column()
        column.prop(self, "device")
        column.prop(self, "runtime")
        column.prop(self, "threads")
        column = layout.column()
        column.label(text="Kept of pictures at most, MiB:")
        column.prop(self, "cache_memory")
        column.prop(self, "cache_disk")
        column.prop(self, "cache_gpu")
        column = layout.column()
        column.prop(self, "checkpoint_folder")
        column.prop(self, "store_folder")
        layout.operator("rotopoint.asset_library_add", icon="ASSET_MANAGER")


def preferences(context: Context | None = None) -> ROTOPOINT_preferences:
    """Raises Refused where the add-on is not enabled."""
    entry = (context or bpy.context).preferences.addons.get(__package__)
    if entry is None or entry.preferences is None:
        raise Refused("enable Rotopoint in the preferences first")
    return entry.preferences


def register() -> None:
    bpy.utils.register_class(ROTOPOINT_preferences)


def unregister() -> None:
    bpy.utils.unregister_class(ROTOPOINT_preferences)
