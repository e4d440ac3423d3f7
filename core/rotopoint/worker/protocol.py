# SPDX-License-Identifier: GPL-3.0-or-later
"""What the worker and its client say to each other; docs/worker.md tells what follows upon what.

A message is a line of JSON in ASCII. Its `kind` names it, and `bytes` announces how many raw bytes
follow the line. Keys that are not known are ignored, so that a later version can add some.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any, BinaryIO, ClassVar, TypeAlias

from rotopoint.errors import ProtocolBroken
from rotopoint.events import (
    CancelledEvent,
    DoneEvent,
    ErrorEvent,
    Event,
    FrameEvent,
    HelloEvent,
    MatteEvent,
    MatteView,
    PreparedEvent,
    PreviewEvent,
    ReadyEvent,
    StartedEvent,
)
from rotopoint.tables import read_table

VERSION = 1

LONGEST_LINE = 16 << 20
"""Bytes; a shot with a hundred thousand points fits."""

LARGEST_PAYLOAD = 256 << 20
"""Bytes; an 8-bit matte of 16K fits."""

ITEM_BYTES = {"uint8": 1, "float16": 2}


# Requests. `id` names the work that is asked for: the client makes it up, and all events of that work
# carry it. `shot` is the whole shot as `shot.json.shot_to_dict` gives it; frames are clip frames.


@dataclass(frozen=True)
class PreviewRequest:
    """The answer of one subject on one frame as its prompts are now."""

    kind: ClassVar[str] = "preview"
    id: str
    shot: dict[str, Any]
    subject: str
    frame: int


@dataclass(frozen=True)
class LookRequest:
    """The stored track of one subject on one frame; nothing is computed."""

    kind: ClassVar[str] = "look"
    id: str
    shot: dict[str, Any]
    subject: str
    frame: int


@dataclass(frozen=True)
class MatteRequest:
    """The matte that the preview of one subject on one frame would give."""

    kind: ClassVar[str] = "matte"
    id: str
    shot: dict[str, Any]
    subject: str
    frame: int


@dataclass(frozen=True)
class FinishRequest:
    """The matte that is delivered of one subject on one frame, from what is stored or a click was answered
    with, or its trimap; nothing is tracked. No side of it has more than `longest` pixels.
    """

    kind: ClassVar[str] = "finish"
    id: str
    shot: dict[str, Any]
    subject: str
    frame: int
    longest: int | None = None
    view: MatteView = MatteView.MATTE


@dataclass(frozen=True)
class PrepareRequest:
    """Make ready what a click of one subject on one frame needs: whoever lands there may click soon."""

    kind: ClassVar[str] = "prepare"
    id: str
    shot: dict[str, Any]
    subject: str
    frame: int


@dataclass(frozen=True)
class TrackRequest:
    """Track all subjects; with a folder, write each matte as it comes, over what is there."""

    kind: ClassVar[str] = "track"
    id: str
    shot: dict[str, Any]
    folder: str | None = None


@dataclass(frozen=True)
class DeliverRequest:
    """Write files of stored tracks, mattes unless told otherwise; files that are there are refused, unless
    they are to be replaced or the delivery that wrote them resumes.

    `files` is a kind as `deliver.kinds.Kind` names it; what follows is as the command line has it. `subjects`
    are the ids of those that files are written of, None: all; others still have a say in exclusive mattes.
    """

    kind: ClassVar[str] = "deliver"
    id: str
    shot: dict[str, Any]
    folder: str
    overwrite: bool = False
    resume: bool = False
    files: str = "mattes"
    compression: str = "zip"
    plate: bool = False
    frame_rate: float | None = None
    colors: str = "linear"
    tolerance: float = 0.5
    name: str = "{clip}_{subject}_{pass}.{number}"
    padding: int = 4
    version: int | None = None
    subjects: tuple[str, ...] | None = None


@dataclass(frozen=True)
class ShotRequest:
    """A newer shot for the tracking `id`, which goes on with it."""

    kind: ClassVar[str] = "shot"
    id: str
    shot: dict[str, Any]


@dataclass(frozen=True)
class CancelRequest:
    """Give up the work `id`, waiting or begun."""

    kind: ClassVar[str] = "cancel"
    id: str


@dataclass(frozen=True)
class ShutdownRequest:
    """End after the step in progress."""

    kind: ClassVar[str] = "shutdown"


Request: TypeAlias = (
    PreviewRequest
    | LookRequest
    | MatteRequest
    | FinishRequest
    | PrepareRequest
    | TrackRequest
    | DeliverRequest
    | ShotRequest
    | CancelRequest
    | ShutdownRequest
)


Message: TypeAlias = Request | Event

REQUESTS: dict[str, type[Request]] = {
    kind.kind: kind
    for kind in (
        PreviewRequest,
        LookRequest,
        MatteRequest,
        FinishRequest,
        PrepareRequest,
        TrackRequest,
        DeliverRequest,
        ShotRequest,
        CancelRequest,
        ShutdownRequest,
    )
}

EVENTS: dict[str, type[Event]] = {
    kind.kind: kind
    for kind in (
        HelloEvent,
        ReadyEvent,
        PreviewEvent,
        MatteEvent,
        PreparedEvent,
        StartedEvent,
        FrameEvent,
        DoneEvent,
        CancelledEvent,
        ErrorEvent,
    )
}


def encode(message: Message, payload: bytes = b"") -> bytes:
    """A message as it goes over the line. Absent values are left out."""
    fields = {f.name: getattr(message, f.name) for f in dataclasses.fields(message)}
    data = {"kind": message.kind} | {name: value for name, value in fields.items() if value is not None}
    if payload:
        data["bytes"] = len(payload)
    return json.dumps(data, separators=(",", ":"), allow_nan=False).encode("ascii") + b"\n" + payload


def read_request(stream: BinaryIO) -> tuple[Request, bytes] | None:
    """The next request and its payload, or None at the end of the stream; see `_read`."""
    return _read(stream, REQUESTS)


def read_event(stream: BinaryIO) -> tuple[Event, bytes] | None:
    """The next event and its payload, or None at the end of the stream; see `_read`."""
    found = _read(stream, EVENTS)
    if found is not None:
        event, payload = found
        expected = 0
        if isinstance(event, (PreviewEvent, MatteEvent)):
            expected = event.width * event.height * ITEM_BYTES.get(event.dtype, 0)
        if len(payload) != expected:
            raise ProtocolBroken(repr(event), f"{len(payload)} bytes follow instead of {expected}")
    return found


def _read(stream: BinaryIO, kinds: dict[str, type[Any]]) -> tuple[Any, bytes] | None:
    """Raises ProtocolBroken for what cannot be read; the next call goes on after it."""
    line = stream.readline(LONGEST_LINE)
    if not line:
        return None
    text = line[:1000].decode("utf-8", "replace").rstrip("\r\n")
    if not line.endswith(b"\n"):
        while line and not line.endswith(b"\n"):
            line = stream.readline(LONGEST_LINE)
        raise ProtocolBroken(text, "the line is too long" if line else "the line is cut off")
    try:
        data = json.loads(line, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise ProtocolBroken(text, f"no JSON: {error}") from error
    if not isinstance(data, dict):
        raise ProtocolBroken(text, "no JSON object")
    request = data.get("id") if isinstance(data.get("id"), str) else None
    size = data.get("bytes", 0)
    if type(size) is not int or not 0 <= size <= LARGEST_PAYLOAD:
        raise ProtocolBroken(text, "bytes: no size of a payload", request)
    # Read whatever the message turns out to be: the next line comes after it.
    payload = stream.read(size)
    if len(payload) != size:
        raise ProtocolBroken(text, "the payload is cut off", request)
    kind = data.get("kind")
    message = kinds.get(kind) if isinstance(kind, str) else None
    if message is None:
        raise ProtocolBroken(text, f"{kind!r} is none of {', '.join(kinds)}", request)
    known = {f.name for f in dataclasses.fields(message)}
    try:
        values = {name: value for name, value in data.items() if name in known and value is not None}
        return read_table(message, values), payload
    except ValueError as error:
        raise ProtocolBroken(text, str(error), request) from error


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")
