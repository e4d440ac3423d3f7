# SPDX-License-Identifier: GPL-3.0-or-later
"""Colors as the screen shows them."""

from __future__ import annotations

import mathutils

from ..properties import ROTOPOINT_PG_subject


def display_color(subject: ROTOPOINT_PG_subject) -> tuple[float, ...]:
    """The subject's color, which is linear, as its swatch in the panel shows it."""
    return tuple(mathutils.Color(subject.color).from_scene_linear_to_srgb())
