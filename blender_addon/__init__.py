# SPDX-License-Identifier: GPL-3.0-or-later
"""Rotopoint in Blender: registers the rooms of the extension, nothing else."""


def register() -> None:
    """Called by Blender as the extension is enabled. Compositor functions need no registration."""


def unregister() -> None:
    """Called by Blender as the extension is disabled."""
