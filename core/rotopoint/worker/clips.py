# SPDX-License-Identifier: GPL-3.0-or-later
"""Clips that stay open from one request to the next, with the features of their last pictures."""

from __future__ import annotations

import weakref
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rotopoint.clip import Clip, open_clip
from rotopoint.clip.image_header import is_image
from rotopoint.shot import ClipReference, Shot
from rotopoint.tracking.cache import FeatureCache, Kept
from rotopoint.tracking.engine import Engine

if TYPE_CHECKING:
    from rotopoint.session import Cache

Stamp = tuple[tuple[int, int], ...]


@dataclass
class OpenClip:
    """`stamp` tells whether the files on disk are still those that were opened. `features` go with the engine
    that they are of, so that no model stays in memory for a clip that was once tracked by it."""

    clip: Clip
    stamp: Stamp
    features: tuple[weakref.ref[Engine], Cache] | None = None

    def cache(self, engine: Engine, kept: Kept) -> Cache:
        """What `kept` holds of this clip by this engine; what is not there yet is made."""
        if self.features is None or self.features[0]() is not engine:
            scope = (engine.identity, self.clip.identity)
            made = FeatureCache(engine.runtime, self.clip.read, kept, scope)
            self.features = (self._as_long_as_it_is(engine), made)
        return self.features[1]

    def _as_long_as_it_is(self, engine: Engine) -> weakref.ref[Engine]:
        this = weakref.ref(self)

        def let_go(_: object) -> None:
            if (opened := this()) is not None:
                opened.features = None

        return weakref.ref(engine, let_go)


class OpenClips:
    """At most `kept` clips; the one that was not asked for the longest is closed first.

    A change of the folder or of the clip's first file is noticed, one in the middle of a sequence is
    not: what is stored must come from a clip that was opened for it.
    """

    def __init__(self, kept: int) -> None:
        self._kept = kept
        self._clips: OrderedDict[tuple[ClipReference, str], OpenClip] = OrderedDict()

    def get(self, shot: Shot) -> OpenClip:
        """The shot's clip; raises what `open_clip` raises."""
        key = (shot.clip, shot.settings.input_transform)
        stamp = _stamp(shot)
        if key in self._clips and self._clips[key].stamp != stamp:
            self._clips.pop(key).clip.close()
        if key not in self._clips:
            opened = OpenClip(open_clip(*key), stamp)
            while len(self._clips) >= self._kept:
                self._clips.popitem(last=False)[1].clip.close()
            self._clips[key] = opened
        self._clips.move_to_end(key)
        return self._clips[key]

    def unready(self) -> None:
        """Let go of what is ready for clicks on them."""
        for opened in self._clips.values():
            if opened.features is not None:
                opened.features[1].unready()

    def close(self) -> None:
        """Close all; a later `get` opens them again."""
        while self._clips:
            self._clips.popitem()[1].clip.close()


def _stamp(shot: Shot) -> Stamp:
    path = Path(shot.clip.path)
    looked_at = [path, Path(shot.settings.input_transform)]
    if is_image(path):
        looked_at.append(path.parent)
    stamps = []
    for file in looked_at:
        try:
            status = file.stat()
        except (OSError, ValueError):
            continue
        stamps.append((status.st_size, status.st_mtime_ns))
    return tuple(stamps)
