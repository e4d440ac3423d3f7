# SPDX-License-Identifier: GPL-3.0-or-later
"""Masks that the engine has given, by subject, clip frame and the prompts that they answer. Never saved."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from rotopoint.events import PreviewEvent
from rotopoint.shot import Prompt, Shot

MOST_BYTES = 64 << 20
"""Some 3,600 masks of the draft model, or 500 of a model that sees 1024 pixels."""

Place = tuple[str, int]
"""A subject's id and a clip frame."""


@dataclass(frozen=True, eq=False)
class Preview:
    """One subject's mask on one clip frame, as the prompts that were asked give it.

    `logits` are (height, width) of the type that they came in, rows from the top, over 0 inside, stretched
    over the whole picture. `provisional` where tracking may yet say otherwise.
    """

    subject: str
    frame: int
    prompts: tuple[Prompt, ...]
    logits: npt.NDArray[np.floating]
    provisional: bool
    object_score: float | None
    is_coverage: ClassVar[bool] = False

    @property
    def values(self) -> npt.NDArray[np.floating]:
        """The logits: see `finished.Mask`."""
        return self.logits

    @classmethod
    def of(cls, event: PreviewEvent, payload: bytes, shot: Shot) -> Preview:
        """Raises ValueError and TypeError where the event and its bytes do not fit."""
        dtype = np.dtype(event.dtype).newbyteorder("<")
        logits = np.frombuffer(payload, dtype).reshape(event.height, event.width)
        prompts = shot.subject(event.subject).prompts
        return cls(event.subject, event.frame, prompts, logits, event.provisional, event.object_score)


class Previews(Mapping[Place, Preview]):
    """By subject and clip frame the newest mask; those of other prompts stay too, so that undo finds them.

    What was not drawn for the longest goes first where all together take more than `most_bytes`; whether the
    store was asked about it is then forgotten as well, so that it comes again.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._masks: OrderedDict[tuple[str, int, tuple[Prompt, ...]], Preview] = OrderedDict()
        self._newest: dict[Place, Preview] = {}
        self._looked: dict[Place, str] = {}
        self._bytes = 0

    def __getitem__(self, place: Place) -> Preview:
        return self._newest[place]

    def __iter__(self) -> Iterator[Place]:
        return iter(self._newest)

    def __len__(self) -> int:
        return len(self._newest)

    def answering(self, subject: str, frame: int, prompts: tuple[Prompt, ...]) -> Preview | None:
        """The mask that a subject with these prompts has on a clip frame."""
        key = (subject, frame, prompts)
        if key in self._masks:
            self._masks.move_to_end(key)
        return self._masks.get(key)

    def put(self, preview: Preview) -> None:
        key = (preview.subject, preview.frame, preview.prompts)
        if key in self._masks:
            self._bytes -= self._masks.pop(key).logits.nbytes
        self._masks[key] = self._newest[key[:2]] = preview
        self._bytes += preview.logits.nbytes
        while self._bytes > self._most_bytes and len(self._masks) > 1:
            self._drop(self._masks.popitem(last=False)[1])

    def _drop(self, preview: Preview) -> None:
        self._bytes -= preview.logits.nbytes
        place = (preview.subject, preview.frame)
        if self._newest.get(place) is preview:
            del self._newest[place]
            self._looked.pop(place, None)

    def looks(self, subject: str, frame: int, revision: str) -> bool:
        """Whether the store was not yet asked about a subject on a clip frame for this revision of the shot;
        from now on it was."""
        new = self._looked.get((subject, frame)) != revision
        self._looked[subject, frame] = revision
        return new

    def look_again(self, subject: str | None = None, frame: int | None = None) -> None:
        """What the store said of a subject on a clip frame, or of all, does not hold any more."""
        if subject is None or frame is None:
            self._looked.clear()
        else:
            self._looked.pop((subject, frame), None)
