# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages on the line: what goes in comes out, and what is no message does not stop the next one."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotopoint.errors import ProtocolBroken
from rotopoint.events import ErrorEvent, FrameEvent, HelloEvent, MatteView, PreviewEvent
from rotopoint.worker import protocol
from rotopoint.worker.protocol import (
    CancelRequest,
    FinishRequest,
    PreviewRequest,
    ShutdownRequest,
    TrackRequest,
    encode,
    read_event,
    read_request,
)

PREVIEW = PreviewEvent("7", "abc", "s1", 3, 2, 1, "float16", True, -1.5, 0.25)


def fault_of(line: bytes) -> ProtocolBroken:
    """What is wrong with a line; a good one after it must still be read."""
    stream = io.BytesIO(line + encode(CancelRequest("next")))
    with pytest.raises(ProtocolBroken) as caught:
        read_request(stream)
    assert read_request(stream) == (CancelRequest("next"), b"")
    assert read_request(stream) is None
    return caught.value


@given(st.text(), st.text() | st.none(), st.dictionaries(st.text(), st.integers() | st.text()))
def test_requests_come_out_as_they_went_in(id: str, folder: str | None, shot: dict) -> None:
    request = TrackRequest(id, shot, folder)
    line = encode(request)
    assert line.isascii() and line.count(b"\n") == 1
    assert read_request(io.BytesIO(line)) == (request, b"")


@pytest.mark.parametrize(
    "event",
    [
        HelloEvent(1, "0.1.0", ("torch",), ("cpu", "cuda")),
        FrameEvent("7", "abc", "s1", 3, True, 1, 8, "Matten ä/x.png", 4.0, 0.5),
        FrameEvent("7", "abc", "s1", 3, False, 1, 8),
        ErrorEvent("InputError", "no", 2),
    ],
)
def test_events_come_out_as_they_went_in(event: protocol.Event) -> None:
    assert read_event(io.BytesIO(encode(event))) == (event, b"")


def test_what_is_looked_at_is_told_by_name() -> None:
    line = encode(FinishRequest("7", {}, "s1", 3, view=MatteView.TRIMAP))
    assert json.loads(line)["view"] == "trimap"
    assert read_request(io.BytesIO(line)) == (FinishRequest("7", {}, "s1", 3, None, MatteView.TRIMAP), b"")
    without = line.replace(b',"view":"trimap"', b"")
    assert read_request(io.BytesIO(without)) == (FinishRequest("7", {}, "s1", 3), b"")
    fault = fault_of(line.replace(b"trimap", b"tripod"))
    assert fault.reason == "view: 'tripod' is none of matte, trimap"


@given(st.binary(min_size=4, max_size=4))
def test_a_payload_is_kept_to_the_byte_and_the_next_message_follows(payload: bytes) -> None:
    stream = io.BytesIO(encode(PREVIEW, payload) + encode(PREVIEW, b"\n\n\n\n"))
    assert read_event(stream) == (PREVIEW, payload)
    assert read_event(stream) == (PREVIEW, b"\n\n\n\n")
    assert read_event(stream) is None


def test_the_line_is_what_the_page_says() -> None:
    line, rest = encode(PREVIEW, b"\0\0\0\0").split(b"\n", 1)
    assert rest == b"\0\0\0\0"
    assert json.loads(line) == {
        "kind": "preview",
        "id": "7",
        "revision": "abc",
        "subject": "s1",
        "frame": 3,
        "width": 2,
        "height": 1,
        "dtype": "float16",
        "provisional": True,
        "object_score": -1.5,
        "predicted_iou": 0.25,
        "bytes": 4,
    }


@pytest.mark.parametrize("payload", [b"", b"\0\0\0", b"\0\0\0\0\0"])
def test_a_payload_of_another_size_than_the_picture_is_refused(payload: bytes) -> None:
    with pytest.raises(ProtocolBroken, match="instead of 4"):
        read_event(io.BytesIO(encode(PREVIEW, payload)))


def test_unknown_keys_are_ignored() -> None:
    line = b'{"kind":"shutdown","since":{"version":2}}\n'
    assert read_request(io.BytesIO(line)) == (ShutdownRequest(), b"")


def test_garbage() -> None:
    assert "JSON" in fault_of(b"Loading weights... 100%\n").reason
    assert "JSON" in fault_of(b"\xff\xfe\0\n").reason
    assert "JSON" in fault_of(b"[" * 100_000 + b"\n").reason
    assert "object" in fault_of(b"[1]\n").reason
    assert "NaN" in fault_of(b'{"kind":"cancel","id":NaN}\n').reason


def test_an_unknown_kind_names_the_request_that_waits() -> None:
    fault = fault_of(b'{"kind":"segment","id":"9"}\n')
    assert fault.request == "9" and "'segment'" in fault.reason


def test_keys_that_are_missing_or_of_another_type() -> None:
    assert "missing key subject" in fault_of(b'{"kind":"preview","id":"9","shot":{},"frame":1}\n').reason
    fault = fault_of(b'{"kind":"preview","id":"9","shot":{},"subject":"a","frame":"1"}\n')
    assert (fault.request, "frame" in fault.reason) == ("9", True)
    assert "shot" in fault_of(b'{"kind":"preview","id":"9","shot":[],"subject":"a","frame":1}\n').reason


def test_the_payload_of_an_unknown_message_is_skipped() -> None:
    assert "'x'" in fault_of(b'{"kind":"x","bytes":3}\n{}\n').reason


def test_a_payload_without_end_is_not_waited_for() -> None:
    assert "payload" in fault_of(b'{"kind":"cancel","id":"1","bytes":99999999999999}\n').reason
    assert "payload" in fault_of(b'{"kind":"cancel","id":"1","bytes":-1}\n').reason


def test_a_line_without_end_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "LONGEST_LINE", 100)
    fault = fault_of(b"x" * 1050 + b"\n")
    assert fault.reason == "the line is too long"
    assert len(fault.line) <= 100


def test_what_is_cut_off_by_the_end_is_told() -> None:
    for cut in (encode(PREVIEW, b"\0\0\0\0")[:-1], encode(PREVIEW, b"\0\0\0\0")[:20]):
        stream = io.BytesIO(cut)
        with pytest.raises(ProtocolBroken, match="cut off"):
            read_event(stream)
        assert read_event(stream) is None


def test_numbers_that_json_has_not_are_never_written() -> None:
    with pytest.raises(ValueError, match="JSON"):
        encode(FrameEvent("1", "r", "s", 1, True, 1, 1, None, float("nan")))


def test_a_click_is_a_line_that_any_language_can_write() -> None:
    line = b'{"kind": "preview", "frame": 3, "id": "a", "subject": "s1", "shot": {"version": 1}}\r\n'
    assert read_request(io.BytesIO(line)) == (PreviewRequest("a", {"version": 1}, "s1", 3), b"")
