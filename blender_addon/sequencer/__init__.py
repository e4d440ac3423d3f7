# SPDX-License-Identifier: GPL-3.0-or-later
"""Mattes on the strips of the Video Sequence Editor."""

from ..matte_sequence import MatteSequence
from .matte_strip import apply_matte, find_matte, remove_matte
from .strip_source import Playback, playback, refusal, source_clip

__all__ = [
    "MatteSequence",
    "Playback",
    "apply_matte",
    "find_matte",
    "playback",
    "refusal",
    "remove_matte",
    "source_clip",
]
