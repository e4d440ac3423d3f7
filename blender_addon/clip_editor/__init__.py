# SPDX-License-Identifier: GPL-3.0-or-later
"""Pointing and tracking in the Movie Clip Editor: operators, sidebar, header menu, overlay."""

import bpy

from . import (
    combine_operators,
    deliver,
    drawn_prompt,
    frame_operators,
    keymap,
    mask_operator,
    matte_operators,
    menu,
    next_step,
    overlay,
    painting,
    panel,
    pointing_mode,
    progress,
    prompt_operators,
    scene_operators,
    shot_operators,
    subject_operators,
    timeline,
    track_operators,
    views,
)

CLASSES = (
    *subject_operators.CLASSES,
    *prompt_operators.CLASSES,
    *pointing_mode.CLASSES,
    *painting.CLASSES,
    *drawn_prompt.CLASSES,
    *frame_operators.CLASSES,
    *matte_operators.CLASSES,
    *track_operators.CLASSES,
    *timeline.CLASSES,
    *mask_operator.CLASSES,
    *shot_operators.CLASSES,
    *next_step.CLASSES,
    *combine_operators.CLASSES,
    *panel.CLASSES,
    *deliver.CLASSES,
    *scene_operators.CLASSES,
    *menu.CLASSES,
    *views.CLASSES,
)


def register() -> None:
    for cls in CLASSES:
        bpy.utils.register_class(cls)
    menu.register()
    views.register()
    keymap.register()
    overlay.register()
    timeline.register()
    progress.register()


def unregister() -> None:
    progress.unregister()
    timeline.unregister()
    overlay.unregister()
    keymap.unregister()
    views.unregister()
    menu.unregister()
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
