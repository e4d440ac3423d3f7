# SPDX-License-Identifier: GPL-3.0-or-later
"""When each picture of a video is shown, and where decoding can start: found once, before any is read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from rotopoint.clip.video_file import open_video

CODECS_WITH_HIDDEN_PICTURES = frozenset({"vp8"})
"""Their packets may hold a picture that is never shown."""


@dataclass(frozen=True, order=True)
class Keyframe:
    """A picture that needs no other: `time` is when it is shown, `order` its place in decoding order."""

    time: int
    order: int


@dataclass(frozen=True)
class VideoIndex:
    """All times are timestamps of the stream, in units of its time base."""

    times: tuple[int, ...]
    """When each picture is shown, ascending."""

    keyframes: tuple[Keyframe, ...]
    """Ascending; empty where decoding can only start at the file's beginning."""


def index_video(path: Path, interlaced: bool) -> VideoIndex:
    """Index a video by its packets, without decoding; by decoding where packets and pictures may differ.

    That is the case where packets have no timestamps, where a field may have a packet of its own, and
    where a packet may hold a picture that is never shown. Pictures that an edit list cuts off are left
    out. Raises ClipNotFound, ClipUnreadable; av.FFmpegError where the container is damaged.
    """
    container, stream = open_video(path)
    with container:
        hidden = stream.codec_context.name in CODECS_WITH_HIDDEN_PICTURES
        by_packets = _index_packets(container, stream)
    if by_packets is not None and not hidden and not interlaced:
        return by_packets
    container, stream = open_video(path)
    with container:
        times = {time for frame in container.decode(stream) if (time := picture_time(frame)) is not None}
    return VideoIndex(tuple(sorted(times)), () if by_packets is None else by_packets.keyframes)


def _index_packets(container: InputContainer, stream: VideoStream) -> VideoIndex | None:
    """None where a packet does not tell when it is shown."""
    times: set[int] = set()
    keyframes: set[Keyframe] = set()
    for packet in container.demux(stream):
        if packet.size == 0:
            # the demuxer's sign that the file is at its end
            continue
        if packet.pts is None:
            return None
        if packet.is_keyframe:
            keyframes.add(Keyframe(packet.pts, packet.pts if packet.dts is None else packet.dts))
        if not packet.is_discard:
            times.add(packet.pts)
    return VideoIndex(tuple(sorted(times)), tuple(sorted(keyframes)))


def picture_time(frame: VideoFrame) -> int | None:
    """When a decoded picture is shown; files without that tell at least when it was decoded."""
    return frame.dts if frame.pts is None else frame.pts
