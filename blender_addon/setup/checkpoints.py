# SPDX-License-Identifier: GPL-3.0-or-later
"""Checkpoints in the preferences: which there are, what they take, and downloads of them."""

from __future__ import annotations

from dataclasses import dataclass, field

import bpy
from bpy.props import StringProperty
from bpy.types import Context, Operator, UILayout

from rotopoint.checkpoints import Checkpoint, registered, registry

from .. import offer, windows
from ..faults import Refused
from ..guarded import GuardedOperator
from ..lines import draw_text
from ..preferences import preferences
from .process import Report, SetupProcess

TICK_SECONDS = 0.2
LIMIT_SECONDS = 3600.0

MODULE = "rotopoint.checkpoints.fetching"

WORDS_SHARE = 0.76
"""Of a row's width, for what is said of a checkpoint."""

DRAFT = (
    "The draft comes with the extension. It is a draft: good for a first rough. For finished work set up the "
    "large engine and download a larger checkpoint; without a GPU take tiny."
)


@dataclass
class Downloads:
    """`here` are the names of those that are there, None before anybody looked; `name` is the one under
    way. `gpu` is the memory of the NVIDIA card in bytes, 0 where there is none."""

    process: SetupProcess | None = None
    name: str = ""
    here: tuple[str, ...] | None = None
    gpu: int = 0
    word: str = ""
    failed: bool = False
    report: Report = field(default_factory=Report)


downloads = Downloads()


def start(do: str, name: str = "") -> None:
    """Let a process of the engine's Python look, get or verify. Raises RotopointError."""
    if downloads.process is not None:
        raise Refused("A checkpoint is being downloaded")
    chosen = preferences()
    if chosen.engine.strip():
        raise Refused(
            "The engine is a command of its own: get checkpoints where it runs, by rotopoint checkpoints get"
        )
    if do == "get":
        offer.require_online()
    command = [*chosen.python(), "-m", MODULE, do, *([name] if name else [])]
    try:
        downloads.process = SetupProcess(command, chosen.package_folder(), chosen.environment())
    except OSError as error:
        raise Refused(f"{command[0]} does not start: {error.strerror or error}") from error
    downloads.name, downloads.word, downloads.failed = name, "", False
    downloads.report = downloads.process.report
    if not bpy.app.background:
        bpy.app.timers.register(_tick, first_interval=TICK_SECONDS, persistent=True)


def listen() -> None:
    process = downloads.process
    if process is None:
        return
    came = process.poll()
    if not process.running:
        downloads.process = None
        report = process.report
        downloads.failed = bool(report.fault)
        if process.cancelled:
            downloads.word = f"Paused; the next download of {downloads.name} goes on from there"
        elif report.fault:
            downloads.word = report.fault[:1].upper() + report.fault[1:]
        elif report.answer is not None:
            downloads.here = tuple(map(str, report.answer["here"]))
            downloads.gpu = int(str(report.answer["gpu"]))
            downloads.word = f"{downloads.name} is here and whole" if downloads.name else ""
    if came or downloads.process is None:
        windows.redraw()


def _tick() -> float | None:
    listen()
    return None if downloads.process is None else TICK_SECONDS


def leave() -> None:
    """Blender or the add-on ends."""
    if downloads.process is not None:
        downloads.process.cancel()
        downloads.process = None
    if not bpy.app.background and bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)


def described(checkpoint: Checkpoint) -> str:
    """What a person chooses by: size, speed, memory, license."""
    size = "" if checkpoint.size is None else f"{checkpoint.size / 1e6:.0f} MB"
    return ", ".join(text for text in (size, checkpoint.speed, checkpoint.memory, checkpoint.license) if text)


class ROTOPOINT_OT_checkpoint(GuardedOperator, Operator):
    """Look which checkpoints are here, download one, or read it to see whether it is whole"""

    bl_idname = "rotopoint.checkpoint"
    bl_label = "Checkpoint"
    bl_options = {"REGISTER"}

    do: StringProperty(name="Do", description="look, get or verify", default="look")
    name: StringProperty(name="Name", description="Of a registered checkpoint")

    def work(self, _context: Context) -> None:
        if self.name:
            registered(self.name)
        start(self.do, self.name)
        if bpy.app.background:
            downloads.process.wait(LIMIT_SECONDS)
            listen()
            if downloads.failed:
                raise Refused(downloads.word)


class ROTOPOINT_OT_checkpoint_pause(GuardedOperator, Operator):
    """Stop the download; the next one goes on from where it was"""

    bl_idname = "rotopoint.checkpoint_pause"
    bl_label = "Pause"
    bl_options = {"REGISTER"}

    def work(self, _context: Context) -> None:
        if downloads.process is not None:
            downloads.process.cancel()


def draw_checkpoints(layout: UILayout, context: Context) -> None:
    box = layout.box()
    draw_text(box, context, DRAFT)
    if downloads.word:
        draw_text(
            box, context, downloads.word, icon="ERROR" if downloads.failed else "INFO", alert=downloads.failed
        )
    for checkpoint in registry():
        split = box.split(factor=WORDS_SHARE)
        unfit = checkpoint.fits(downloads.gpu) is False
        room = "; too large for this GPU" if unfit else ""
        said = f"{checkpoint.name}: {described(checkpoint)}{room}"
        split.label(text=said, icon="ERROR" if unfit else "NONE")
        row = split.row(align=True)
        there = checkpoint.address is None or checkpoint.name in (downloads.here or ())
        if downloads.process is not None and downloads.name == checkpoint.name:
            row.progress(factor=downloads.report.fraction, text=f"{downloads.report.fraction:.0%}")
            row.operator("rotopoint.checkpoint_pause", text="", icon="PAUSE")
        elif there:
            asked = row.operator("rotopoint.checkpoint", text="Verify", icon="CHECKMARK")
            asked.do, asked.name = "verify", checkpoint.name
        elif downloads.here is not None:
            asked = row.operator("rotopoint.checkpoint", text="Download", icon="IMPORT")
            asked.do, asked.name = "get", checkpoint.name
    if downloads.here is None:
        box.operator("rotopoint.checkpoint", text="Show Which Are Here", icon="FILE_REFRESH").do = "look"
    elif (reason := offer.online_hindrance()) is not None:
        draw_text(box, context, reason, icon="ERROR")


CLASSES = (ROTOPOINT_OT_checkpoint, ROTOPOINT_OT_checkpoint_pause)
