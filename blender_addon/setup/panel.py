# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine's set-up in the preferences: what it would take, how far it is, what came of it."""

from __future__ import annotations

from bpy.types import Context, UILayout

from .. import offer
from ..environment import Standing, standing
from ..lines import draw_text
from ..preferences import preferences
from .job import MADE, job, looked_at, needs_network

WORDS = {
    Standing.WHOLE: "The large engine is set up",
    Standing.OUTDATED: "The large engine is of an earlier version of Rotopoint: set it up again",
    Standing.OTHER_PYTHON: "The large engine was set up for another Python: set it up again",
}

DOING = {"look": "Looking at this machine", "make": "Looking for packages", "remove": "Removing the packages"}

SHOWN = ("python", "torch", "runtime", "used", "kernels")
"""Of what `doctor` finds."""


def size(megabytes: object) -> str:
    amount = float(str(megabytes))
    return f"{amount / 1000:.1f} GB" if amount >= 1000 else f"{amount:.0f} MB"


def what_it_takes(seen: dict[str, object], folder: object) -> str:
    """What would be downloaded, how much and where to, in words."""
    brought = seen["download"]
    fetched = f"About {size(brought)} are downloaded" if brought else "Nothing is downloaded"
    return (
        f"PyTorch for {seen['build']} ({seen['reason']}) with the packages that go with it, for "
        f"{seen['python']}. {fetched}; they take {size(seen['installed'])} in {folder}. "
        "Nothing else on this machine is changed."
    )


def draw_setup(layout: UILayout, context: Context) -> None:
    chosen = preferences(context)
    box = layout.box()
    made, state = standing()
    if made is not None:
        draw_text(
            box,
            context,
            WORDS[state],
            icon="CHECKMARK" if state is Standing.WHOLE else "ERROR",
            alert=state is not Standing.WHOLE,
        )
        for name, value in made.findings:
            if name in SHOWN:
                # What `doctor` adds is for who has a terminal open.
                draw_text(box, context, f"{name}: {value.partition(';')[0]}", icon="BLANK1")
        minutes = f"{size(made.size / 1e6)}, set up in {made.seconds / 60:.1f} minutes"
        draw_text(box, context, minutes, icon="BLANK1")
    if job.running:
        row = box.row(align=True)
        row.progress(factor=job.report.fraction, text=job.report.text or DOING[job.doing])
        row.operator("rotopoint.setup_cancel", text="", icon="X")
        return
    # What was set up is told above.
    if job.word and (made is None or job.word != MADE):
        draw_text(box, context, job.word, icon="ERROR" if job.failed else "INFO", alert=job.failed)
    if (seen := looked_at()) is not None:
        folder = offer.environment_folder()
        draw_text(box, context, what_it_takes(seen, folder))
        reason = offer.online_hindrance() if needs_network() else None
        if reason is not None:
            draw_text(box, context, reason, icon="ERROR", alert=True)
            box.operator(
                "screen.userpref_show", text="Network Preferences", icon="PREFERENCES"
            ).section = "SYSTEM"
        row = box.row()
        row.enabled = reason is None
        alone = {} if seen["download"] else {"text": "Set Up"}
        row.operator("rotopoint.setup_make", **alone, icon="IMPORT")
    row = box.row(align=True)
    again = "Look Again" if seen is not None else "Repair or Update..." if made is not None else None
    row.operator("rotopoint.setup_look", **({"text": again} if again else {}), icon="FILE_REFRESH")
    if made is not None:
        row.operator("rotopoint.setup_remove", icon="TRASH")
    column = box.column()
    column.prop(chosen, "build")
    column.prop(chosen, "package_index")
    column.prop(chosen, "torch_index")
    column.prop(chosen, "setup_python")
