# SPDX-License-Identifier: GPL-3.0-or-later
"""Mattes on the strips of the Video Sequence Editor: functions for scripts, operators, sidebar."""

import bpy

from ..matte_sequence import MatteSequence
from ..strip_source import Playback, find_clip, playback, refusal, source_clip
from . import operators, panel
from .matte_strip import apply_matte, find_matte, has_matte, is_matte, out_of_date, remove_matte

__all__ = [
    "MatteSequence",
    "Playback",
    "apply_matte",
    "find_clip",
    "find_matte",
    "has_matte",
    "is_matte",
    "out_of_date",
    "playback",
    "refusal",
    "register",
    "remove_matte",
    "source_clip",
    "unregister",
]

CLASSES = (*operators.CLASSES, *panel.CLASSES)


def register() -> None:
    for cls in CLASSES:
        bpy.utils.register_class(cls)


def unregister() -> None:
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
