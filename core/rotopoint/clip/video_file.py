# SPDX-License-Identifier: GPL-3.0-or-later
"""Opens a video file, or says why it cannot be used."""

from __future__ import annotations

from pathlib import Path

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from rotopoint.clip.limits import require_file
from rotopoint.clip.timecode import Timecode
from rotopoint.clip.truncation import bytes_missing
from rotopoint.errors import ClipUnreadable

NOT_VIDEO = frozenset({"tty", "image2"})
"""Formats under which FFmpeg opens text and single images."""

GENERATE_TIMES = 0x1
"""AVFMT_FLAG_GENPTS, which PyAV sets. FFmpeg then makes up times for pictures where the container tells none
(H.264 in AVI and ASF), one picture late; Blender takes the time of decoding there."""


def start_timecode(container: InputContainer, stream: VideoStream) -> Timecode | None:
    """The timecode of the first picture, where a track of timecode (MOV, MP4) or the metadata has it."""
    for metadata in (stream.metadata, container.metadata, *(s.metadata for s in container.streams.data)):
        for name, value in metadata.items():
            # Matroska has all names in capitals.
            if name.lower() == "timecode" and (found := Timecode.read(value)) is not None:
                return found
    return None


def open_video(path: Path) -> tuple[InputContainer, VideoStream]:
    """The container and its first video stream; raises ClipNotFound, ClipUnreadable."""
    require_file(path)
    try:
        is_empty, missing = path.stat().st_size == 0, bytes_missing(path)
    except OSError as error:
        raise ClipUnreadable(path, error.strerror or str(error)) from error
    if is_empty:
        raise ClipUnreadable(path, "the file is empty")
    if missing:
        raise ClipUnreadable(path, f"the file is truncated: its last {missing} bytes are missing")
    try:
        # Playlists must not lead to the network; an absolute path is never taken for an address.
        container = av.open(
            str(path.absolute()), options={"protocol_whitelist": "file"}, metadata_errors="replace"
        )
    except av.FFmpegError as error:
        raise ClipUnreadable(
            path, f"it is no video that can be read, or it is incomplete ({error.strerror})"
        ) from error
    container.flags &= ~GENERATE_TIMES
    streams = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    format_name = container.format.name
    if not streams or format_name in NOT_VIDEO or format_name.endswith("_pipe"):
        container.close()
        raise ClipUnreadable(path, "it is neither a video nor an image (JPEG, PNG, TIFF, EXR)")
    stream = streams[0]
    if stream.codec_context is None:
        container.close()
        raise ClipUnreadable(path, "there is no decoder for its codec")
    stream.thread_type = "AUTO"
    return container, stream
