# SPDX-License-Identifier: GPL-3.0-or-later
"""What comes of work on a shot, as the worker sends it and the command line shows it.

`revision` is that of the shot that an event belongs to, see `shot.json.revision`; frames are clip
frames. Standard library only, so that the protocol can carry them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, TypeAlias


class MatteView(StrEnum):
    """What is looked at of a subject on a frame: its coverage, or where its alpha is known (0 and 255) and
    where not (128)."""

    MATTE = "matte"
    TRIMAP = "trimap"


@dataclass(frozen=True)
class HelloEvent:
    """The first message. `devices` are those that drivers promise; ReadyEvent has what is there."""

    kind: ClassVar[str] = "hello"
    protocol: int
    package: str
    runtimes: tuple[str, ...]
    devices: tuple[str, ...]


@dataclass(frozen=True)
class ReadyEvent:
    """The runtime is loaded. `device` is the one that will compute, on `threads` if it is the CPU."""

    kind: ClassVar[str] = "ready"
    devices: tuple[str, ...]
    device: str
    threads: int


@dataclass(frozen=True)
class PreviewEvent:
    """Payload: logits, rows from the top, little-endian, over 0 inside, stretched over the whole picture.

    `provisional` where tracking may yet say otherwise; `object_score` is a logit, over 0 where the
    subject is seen; `predicted_iou` is 0..1. The two are None where the model gave no finite number.
    """

    kind: ClassVar[str] = "preview"
    id: str
    revision: str
    subject: str
    frame: int
    width: int
    height: int
    dtype: str
    provisional: bool
    object_score: float | None = None
    predicted_iou: float | None = None


@dataclass(frozen=True)
class MatteEvent:
    """Payload: linear coverage, 0..255, rows from the top, in the pixels of the source or, where fewer were
    asked for, stretched over the whole picture. `seconds` is what making it took, `view` what was
    asked for.
    """

    kind: ClassVar[str] = "matte"
    id: str
    revision: str
    subject: str
    frame: int
    width: int
    height: int
    dtype: str
    provisional: bool
    seconds: float | None = None
    view: MatteView = MatteView.MATTE


@dataclass(frozen=True)
class PreparedEvent:
    """A click of the subject on the frame waits for the mask decoder alone, until others are looked at."""

    kind: ClassVar[str] = "prepared"
    id: str
    revision: str
    subject: str
    frame: int


@dataclass(frozen=True)
class StartedEvent:
    """Work on frames begins, or begins anew with a newer shot.

    `total` events of frames will come; on `pending` pictures of subjects work is to be done, at most.
    """

    kind: ClassVar[str] = "started"
    id: str
    revision: str
    total: int
    pending: int


@dataclass(frozen=True)
class FrameEvent:
    """A frame of a subject is finished, and `file` written if one was asked for.

    The scores are as in PreviewEvent, and None where no record decides the frame. `computed` where it
    took work that was not stored; `confidence` is 0..1, and 1 where a person has decided; `done` of
    `total` frames are finished.
    """

    kind: ClassVar[str] = "frame"
    id: str
    revision: str
    subject: str
    frame: int
    computed: bool
    done: int
    total: int
    file: str | None = None
    object_score: float | None = None
    predicted_iou: float | None = None
    confidence: float | None = None


@dataclass(frozen=True)
class DoneEvent:
    """All frames are finished; `computed` of them took work."""

    kind: ClassVar[str] = "done"
    id: str
    revision: str
    frames: int
    computed: int


@dataclass(frozen=True)
class CancelledEvent:
    """The work ended early; finished frames are kept. `superseded_by`: the request that replaced it."""

    kind: ClassVar[str] = "cancelled"
    id: str
    revision: str | None = None
    superseded_by: str | None = None


@dataclass(frozen=True)
class ErrorEvent:
    """The work `id` failed, or without one, the worker met something that belongs to no work.

    `error` is the class in rotopoint.errors, `message` a line for people.
    """

    kind: ClassVar[str] = "error"
    error: str
    message: str
    exit_code: int
    id: str | None = None
    revision: str | None = None


Event: TypeAlias = (
    HelloEvent
    | ReadyEvent
    | PreviewEvent
    | MatteEvent
    | PreparedEvent
    | StartedEvent
    | FrameEvent
    | DoneEvent
    | CancelledEvent
    | ErrorEvent
)


def ends_work(event: Event) -> bool:
    """Whether this is the last event of its work."""
    return isinstance(event, (PreviewEvent, MatteEvent, PreparedEvent, DoneEvent, CancelledEvent, ErrorEvent))
