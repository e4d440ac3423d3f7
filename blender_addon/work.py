# SPDX-License-Identifier: GPL-3.0-or-later
"""What the engine is at: requests under way, and what each is for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, auto
from pathlib import Path

from rotopoint.events import MatteView
from rotopoint.shot import Shot
from rotopoint.shot.frames import FrameRange
from rotopoint.shot.json import revision


class Kind(Enum):
    """What a request is for: a click's mask, that of a click which may come, the mask stored for a frame on
    screen or one that will be soon, its finished matte, what a click there would need, all mattes, or files
    for others."""

    PREVIEW = auto()
    HOVER = auto()
    LOOK = auto()
    AHEAD = auto()
    FINISH = auto()
    PREPARE = auto()
    TRACK = auto()
    DELIVER = auto()


@dataclass(frozen=True)
class Work:
    """A request under way; its events carry `revision`. `folder` is where tracking writes mattes, and `part`
    the clip frames of the shot's range that it is about, None all: then `revision` is that of the part and
    `revision_of_all` that of the shot. `place` is the subject and clip frame that a mask is asked for,
    and `view` what is finished of it."""

    kind: Kind
    key: int
    shot: Shot
    revision: str
    folder: Path | None = None
    place: tuple[str, int] | None = None
    view: MatteView = MatteView.MATTE
    part: FrameRange | None = None
    revision_of_all: str = ""

    def asked_anew(self, shot: Shot) -> Work:
        """The same of another shot."""
        whole = revision(shot)
        sent = whole if self.part is None else revision(part_of(shot, self.part))
        return replace(self, shot=shot, revision=sent, revision_of_all=whole)


def part_of(shot: Shot, part: FrameRange | None) -> Shot:
    """A shot that asks for some of its clip frames; None: as it is."""
    return shot if part is None else replace(shot, settings=replace(shot.settings, range=part))
