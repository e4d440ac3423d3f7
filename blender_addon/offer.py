# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether this build may fetch from the network: the one place that decides.

Builds for Blender's extension platform hold neither the pins nor the part of core that installs, and their
manifest asks for no network; see `tools/extension`.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import bpy

from .faults import Refused
from .package import user_folder

PINS = "pins.txt"

CHECKOUT = Path(__file__).parents[1] / "pins" / "engine.txt"
"""Where the add-on runs from the repository."""

FOLDER = "torch"
"""In the extension's user folder."""


def lock() -> Path | None:
    """The pins of the engine's packages, as pip's constraints; None in builds that install nothing."""
    if importlib.util.find_spec("rotopoint.environment") is None:
        return None
    own = Path(__file__).with_name(PINS)
    return next((file for file in (own, CHECKOUT) if file.is_file()), None)


def offered() -> bool:
    """Whether the engine can be set up from the preferences, and checkpoints be downloaded."""
    return lock() is not None


def environment_folder(*, create: bool = False) -> Path | None:
    """Where environments lie; None where the add-on is not installed as an extension."""
    return user_folder(FOLDER, create=create)


def online_hindrance() -> str | None:
    """Why nothing may be fetched from the network; None where it may."""
    if not offered():
        return "This build fetches nothing from the network"
    if not bpy.app.online_access:
        return "Blender is set to stay off line: allow online access in its preferences, System, Network"
    return None


def require_online() -> None:
    """Raises Refused."""
    if (reason := online_hindrance()) is not None:
        raise Refused(reason)
