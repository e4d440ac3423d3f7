# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked: a clip, subjects with prompts, settings; frames as types, names, JSON."""

from __future__ import annotations

from rotopoint.shot.combination import Combination, DrawnMask
from rotopoint.shot.matte_settings import FeatherSide, MatteEdge, MatteOverride, MatteSettings
from rotopoint.shot.prompts import Box, Mask, Point, Prompt
from rotopoint.shot.settings import Direction, MatteFormat, Settings
from rotopoint.shot.shot import ClipReference, Missing, Shot
from rotopoint.shot.subject import Approved, Subject

__all__ = [
    "Approved",
    "Box",
    "ClipReference",
    "Combination",
    "Direction",
    "DrawnMask",
    "Mask",
    "FeatherSide",
    "MatteEdge",
    "MatteFormat",
    "MatteOverride",
    "MatteSettings",
    "Missing",
    "Point",
    "Prompt",
    "Settings",
    "Shot",
    "Subject",
]
