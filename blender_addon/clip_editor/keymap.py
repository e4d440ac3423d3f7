# SPDX-License-Identifier: GPL-3.0-or-later
"""The keys of the Clip Editor, and of the Sequencer's preview, that are ours."""

from __future__ import annotations

import bpy

from .. import compat

POINTING_KEY = "K"
"""Free in the Clip Editor of every version and in both keymaps that Blender brings, with Shift, which paints,
and with Control, which tracks."""

JUMP_KEYS = (("DOWN_ARROW", True), ("UP_ARROW", False))
"""With Alt to the frame with prompts before and after, with Shift too to the one that tracking doubts. Alone
these keys jump between keyframes in Blender; Alt with the other arrows is its own tracker's."""

SHOW_KEY, VIEW_KEY = "O", "V"
"""For mattes over the picture and their views; with Blender's own masks these keys do what they do there.
M mutes the footage up to Blender 5.0."""

RANGE_KEY, SAY_KEY = "J", "U"
"""The one begins a range of frames, the other says something of those from there to the frame on screen. Both
are free in the Clip Editor of every version."""

RANGE_SAYINGS = (
    ("rotopoint.approve", {}, {"marked": True}),
    ("rotopoint.absent_set", {"shift": True}, {"marked": True, "absent": True}),
    ("rotopoint.approval_clear", {"alt": True}, {"marked": True}),
    ("rotopoint.absent_set", {"shift": True, "alt": True}, {"marked": True, "absent": False}),
)

_items: list[tuple[bpy.types.KeyMap, bpy.types.KeyMapItem]] = []


def register() -> None:
    configuration = bpy.context.window_manager.keyconfigs.addon
    if configuration is None:
        return
    clip_editor = configuration.keymaps.new(name="Clip Editor", space_type="CLIP_EDITOR")
    preview = configuration.keymaps.new(name=compat.preview_keymap(), space_type="SEQUENCE_EDITOR")
    for keymap in (clip_editor, preview):
        item = keymap.keymap_items.new("rotopoint.point", POINTING_KEY, "PRESS")
        # From 5.0 it inserts keyframes in the preview.
        item.properties.yields = keymap == preview
        _items.append((keymap, item))
        _add(keymap)
    _items.append((clip_editor, clip_editor.keymap_items.new("rotopoint.timeline", "LEFTMOUSE", "PRESS")))


def _add(keymap: bpy.types.KeyMap) -> None:
    """The keys that both have."""
    for operator, key in (
        ("rotopoint.cancel", "ESC"),
        ("rotopoint.deliver_cancel", "ESC"),
        ("rotopoint.mattes_show", SHOW_KEY),
        ("rotopoint.view_next", VIEW_KEY),
        ("rotopoint.range_start", RANGE_KEY),
    ):
        _items.append((keymap, keymap.keymap_items.new(operator, key, "PRESS")))
    for operator, modifiers, values in RANGE_SAYINGS:
        item = keymap.keymap_items.new(operator, SAY_KEY, "PRESS", **modifiers)
        for name, value in values.items():
            setattr(item.properties, name, value)
        _items.append((keymap, item))
    _items.append((keymap, keymap.keymap_items.new("rotopoint.paint", POINTING_KEY, "PRESS", shift=True)))
    track = keymap.keymap_items.new("rotopoint.track", POINTING_KEY, "PRESS", ctrl=True)
    track.properties.direction = "as_set"
    _items.append((keymap, track))
    for key, backward in JUMP_KEYS:
        for to, shift in (("PROMPT", False), ("WEAK", True)):
            item = keymap.keymap_items.new("rotopoint.frame_jump", key, "PRESS", alt=True, shift=shift)
            item.properties.to, item.properties.backward = to, backward
            _items.append((keymap, item))


def unregister() -> None:
    for keymap, item in _items:
        keymap.keymap_items.remove(item)
    _items.clear()
