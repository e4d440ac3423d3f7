# SPDX-License-Identifier: GPL-3.0-or-later
"""Mattes as they will be delivered, by subject and clip frame, for looking at. Never saved."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar, TypeAlias

import numpy as np
import numpy.typing as npt

from rotopoint.events import MatteEvent, MatteView
from rotopoint.shot import Prompt, Shot, Subject
from rotopoint.shot.frames import ClipFrame

from .previews import Preview

MOST_BYTES = 64 << 20
"""Some 30 mattes of 1080p."""


@dataclass(frozen=True, eq=False)
class Finished:
    """One subject's matte on one clip frame, as a shot gives it.

    `values` are (height, width) uint8, linear coverage 0..255, rows from the top, stretched over the whole
    picture; they may be fewer than its pixels. Making them took `seconds`; `solved`: with alpha. `approved`
    is the hash of the file that a person has approved and that they come from, "" where they are made. Of a
    trimap, as `view` says, they are where alpha is known.
    """

    subject: str
    frame: int
    prompts: tuple[Prompt, ...]
    values: npt.NDArray[np.uint8]
    seconds: float = 0.0
    solved: bool = False
    approved: str = ""
    view: MatteView = MatteView.MATTE
    is_coverage: ClassVar[bool] = True

    @classmethod
    def of(cls, event: MatteEvent, payload: bytes, shot: Shot) -> Finished:
        """Raises ValueError and TypeError where the event and its bytes do not fit."""
        values = np.frombuffer(payload, np.dtype(event.dtype)).reshape(event.height, event.width)
        asked, frame = shot.subject(event.subject), event.frame
        return cls(
            asked.id,
            frame,
            asked.prompts,
            values,
            seconds=event.seconds or 0.0,
            solved=event.view is MatteView.MATTE and solves(shot, asked.id, frame),
            approved=approved_of(asked, frame),
            view=event.view,
        )


Mask: TypeAlias = Preview | Finished
"""What is drawn of a subject: its `values`, rows from the top, are coverage where `is_coverage`, else logits,
over 0 inside."""


def solves(shot: Shot, subject: str, frame: int) -> bool:
    """Whether a subject's matte on a clip frame is made with solved alpha, which takes seconds."""
    return shot.subject(subject).settings_on(ClipFrame(frame)).alpha


def approved_of(asked: Subject, frame: int) -> str:
    """The hash of the matte that is approved of a clip frame, "" where none is."""
    return next((approved.sha256 for approved in asked.approved if approved.frame == frame), "")


def unsolved(shot: Shot, subject: str) -> Shot:
    """The shot with a subject's mattes made without solving alpha on any frame."""
    asked = shot.subject(subject)
    overrides = tuple(o for o in asked.overrides if o.name != "alpha")
    plain = replace(asked, matte=replace(asked.matte, alpha=False), overrides=overrides)
    return shot.with_subjects(plain if other is asked else other for other in shot.subjects)


class FinishedMattes:
    """The newest matte and trimap of each place, and what was asked for.

    What was not drawn for the longest goes first where all together take more than `most_bytes`. `fault` is
    what stood in the way of the last one.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self.fault = ""
        self._most_bytes = most_bytes
        self._mattes: OrderedDict[tuple[str, int, MatteView], Finished] = OrderedDict()
        self._asked: dict[tuple[str, int, MatteView, bool], str] = {}
        self._settled = ""
        self._bytes = 0

    def of(
        self, subject: str, frame: int, prompts: tuple[Prompt, ...], view: MatteView = MatteView.MATTE
    ) -> Finished | None:
        """The matte that a subject with these prompts has on a clip frame, maybe by earlier settings."""
        return self._of(subject, frame, view, lambda matte: not matte.approved and matte.prompts == prompts)

    def approved(
        self, subject: str, frame: int, sha256: str, view: MatteView = MatteView.MATTE
    ) -> Finished | None:
        """The matte of the file with this hash, which was approved of a clip frame."""
        return self._of(subject, frame, view, lambda matte: matte.approved == sha256)

    def _of(
        self, subject: str, frame: int, view: MatteView, holds: Callable[[Finished], bool]
    ) -> Finished | None:
        found = self._mattes.get((subject, frame, view))
        if found is None or not holds(found):
            return None
        self._mattes.move_to_end((subject, frame, view))
        return found

    def newest(self, subject: str, frame: int, view: MatteView = MatteView.MATTE) -> Finished | None:
        """A subject's matte on a clip frame, whatever prompts and settings it is of."""
        return self._mattes.get((subject, frame, view))

    def put(self, finished: Finished) -> None:
        self.fault = ""
        self._pop(finished.subject, finished.frame, finished.view)
        self._mattes[finished.subject, finished.frame, finished.view] = finished
        self._bytes += finished.values.nbytes
        while self._bytes > self._most_bytes and len(self._mattes) > 1:
            subject, frame, view = next(iter(self._mattes))
            self._pop(subject, frame, view)
            self._forget(subject, frame, view)

    def drop(self, subject: str, frame: int) -> None:
        """What was finished of a subject on a clip frame does not hold any more."""
        for view in MatteView:
            self._pop(subject, frame, view)
        self.ask_again(subject, frame)

    def asks(
        self, subject: str, frame: int, revision: str, *, solved: bool, view: MatteView = MatteView.MATTE
    ) -> bool:
        """Whether it was not yet asked for by this revision of the shot; from now on it was."""
        new = self._asked.get((subject, frame, view, solved)) != revision
        self._asked[subject, frame, view, solved] = revision
        return new

    def settles(self, revision: str) -> bool:
        """Whether the shot was the same at the call before: nobody is changing it."""
        same, self._settled = self._settled == revision, revision
        return same

    def ask_again(self, subject: str | None = None, frame: int | None = None) -> None:
        """What was said of a subject on a clip frame, or of all, may be another by now."""
        if subject is None or frame is None:
            self._asked.clear()
            return
        for view in MatteView:
            self._forget(subject, frame, view)

    def _forget(self, subject: str, frame: int, view: MatteView) -> None:
        for solved in (False, True):
            self._asked.pop((subject, frame, view, solved), None)

    def _pop(self, subject: str, frame: int, view: MatteView) -> None:
        found = self._mattes.pop((subject, frame, view), None)
        if found is not None:
            self._bytes -= found.values.nbytes
