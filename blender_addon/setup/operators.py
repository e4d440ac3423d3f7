# SPDX-License-Identifier: GPL-3.0-or-later
"""Buttons of the engine's set-up. A script waits until it is done; a click does not."""

from __future__ import annotations

import bpy
from bpy.types import Context, Operator

from ..faults import Refused
from ..guarded import GuardedOperator
from . import job

LIMIT_SECONDS = 3600.0


class _SetupOperator(GuardedOperator):
    bl_options = {"REGISTER"}
    do = ""

    def work(self, _context: Context) -> None:
        job.start(self.do)
        if bpy.app.background:
            job.wait(LIMIT_SECONDS)
            if job.job.failed:
                raise Refused(job.job.word)
            self.report({"INFO"}, job.job.word)


class ROTOPOINT_OT_setup_look(_SetupOperator, Operator):
    """See what would be downloaded, how much of it, and where it would go; nothing is downloaded yet"""

    bl_idname = "rotopoint.setup_look"
    bl_label = "Set Up Large Engine..."
    do = "look"


class ROTOPOINT_OT_setup_make(_SetupOperator, Operator):
    """Download and install the packages of the large engine, in a folder of their own"""

    bl_idname = "rotopoint.setup_make"
    bl_label = "Download and Set Up"
    do = "make"


class ROTOPOINT_OT_setup_remove(_SetupOperator, Operator):
    """Remove the packages of the large engine and what is left of downloads"""

    bl_idname = "rotopoint.setup_remove"
    bl_label = "Remove"
    do = "remove"


class ROTOPOINT_OT_setup_cancel(GuardedOperator, Operator):
    """Stop the set-up; what was downloaded is kept for the next try"""

    bl_idname = "rotopoint.setup_cancel"
    bl_label = "Cancel"
    bl_options = {"REGISTER"}

    def work(self, _context: Context) -> None:
        job.cancel()


CLASSES = (
    ROTOPOINT_OT_setup_look,
    ROTOPOINT_OT_setup_make,
    ROTOPOINT_OT_setup_remove,
    ROTOPOINT_OT_setup_cancel,
)
