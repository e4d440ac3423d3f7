# SPDX-License-Identifier: GPL-3.0-or-later
"""What a subject's finished matte is combined with: other subjects, and masks that a person has drawn."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from rotopoint.shot.frames import ClipFrame, FrameRange


@dataclass(frozen=True)
class DrawnMask:
    """Coverage that a person has drawn: an image file for all of its frames, or a folder with one a frame.

    `frames` None: all of the clip. Of a folder the first file, by number, is on the first of the frames, and
    the others are as many frames later as their numbers are higher. White is full coverage, gray a part of
    it: see `rotopoint.clip.mask_file.read_coverage`.
    """

    path: str
    frames: FrameRange | None = None

    def is_on(self, frame: ClipFrame) -> bool:
        """Whether it says anything of a clip frame."""
        return self.frames is None or frame in self.frames

    @property
    def first(self) -> ClipFrame:
        return ClipFrame(1) if self.frames is None else self.frames.first


@dataclass(frozen=True)
class Combination:
    """In this order: `united` subjects' mattes are added, `subtracted` ones taken away, both by id; then
    `garbage` masks are taken away, and `hold_in` masks added.

    All of these are sets: their order means nothing. Nothing of it has influence on a track.
    """

    united: tuple[str, ...] = ()
    subtracted: tuple[str, ...] = ()
    garbage: tuple[DrawnMask, ...] = ()
    hold_in: tuple[DrawnMask, ...] = ()

    def __post_init__(self) -> None:
        for name in ("united", "subtracted"):
            object.__setattr__(self, name, tuple(sorted(set(getattr(self, name)))))
        for name in ("garbage", "hold_in"):
            object.__setattr__(self, name, tuple(_ordered(getattr(self, name))))

    def with_ids(self, others: Mapping[str, str]) -> Combination:
        """The same with subjects that have another id by now: `others` has the new ones by the old."""
        united, subtracted = (
            tuple(others.get(id, id) for id in ids) for ids in (self.united, self.subtracted)
        )
        return replace(self, united=united, subtracted=subtracted)

    def among(self, known: Collection[str]) -> Combination:
        """The same with no subjects but those of these ids."""
        united, subtracted = (
            tuple(id for id in ids if id in known) for ids in (self.united, self.subtracted)
        )
        return replace(self, united=united, subtracted=subtracted)

    @property
    def subjects(self) -> tuple[str, ...]:
        """The ids of all other subjects that it names."""
        return tuple(sorted({*self.united, *self.subtracted}))


def _ordered(masks: Iterable[DrawnMask]) -> list[DrawnMask]:
    return sorted(set(masks), key=lambda mask: (mask.path, mask.frames is not None, mask.first))
