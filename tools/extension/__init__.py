# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds the Blender extension: the add-on, the license, core as a wheel, and what it brings, in one zip."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ADD_ON = ROOT / "blender_addon"
PINS = ROOT / "pins"
MANIFEST = "blender_manifest.toml"


class BuildFailed(Exception):
    """The extension cannot be built; the text says why."""
