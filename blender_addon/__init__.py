# SPDX-License-Identifier: GPL-3.0-or-later
"""Rotopoint in Blender: registers the rooms of the extension, nothing else."""

import sys

if __name__.startswith("bl_ext."):
    # Blender imports an updated add-on afresh, but keeps the modules of the older wheel.
    for _name in [name for name in sys.modules if name.partition(".")[0] == "rotopoint"]:
        del sys.modules[_name]

from . import (  # noqa: E402, of the wheel as it is now
    asset_library,
    clip_editor,
    combine_properties,
    delivery_properties,
    earlier_files,
    elsewhere,
    engine_state,
    host,
    mask_watch,
    matte_properties,
    offer,
    preferences,
    properties,
    saving,
    sequencer,
)

ROOMS = (
    matte_properties,
    combine_properties,
    properties,
    delivery_properties,
    earlier_files,
    elsewhere,
    preferences,
    asset_library,
    engine_state,
    host,
    mask_watch,
    saving,
    clip_editor,
    sequencer,
)

if offer.offered():
    from . import setup

    ROOMS = (*ROOMS, setup)


def register() -> None:
    """Called by Blender as the extension is enabled. Compositor functions need no registration."""
    for room in ROOMS:
        room.register()


def unregister() -> None:
    """Called by Blender as the extension is disabled."""
    for room in reversed(ROOMS):
        room.unregister()
