# SPDX-License-Identifier: GPL-3.0-or-later
"""Which clip frames will be on screen soon: their masks are asked for before, so that playback finds them."""

from __future__ import annotations

AHEAD = 48
"""Frames: two seconds, in which a worker that is at a step of a track comes to answer."""

AT_ONCE = 12
"""Masks that are asked for at a time, so that one that is asked for meanwhile need not wait for long."""


def frames_ahead(frame: int, before: int | None, count: int) -> range:
    """Those that follow, of a clip of `count` frames, the nearest first; backward where the frame on screen
    `before` was a later one. A jump, such as that from the last frame to the first, has no direction."""
    backward = before is not None and 0 < before - frame <= AHEAD
    if backward:
        return range(frame - 1, max(frame - AHEAD, 1) - 1, -1)
    return range(max(frame + 1, 1), min(frame + AHEAD, count) + 1)
