# SPDX-License-Identifier: GPL-3.0-or-later
"""When each picture of a video is shown, and where decoding can start: found once, before any is read."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import av
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from rotopoint.clip.video_file import open_video

CODECS_WITH_HIDDEN_PICTURES = frozenset({"vp8"})
"""Their packets may hold a picture that is never shown."""

TELL_WHEN_SHOWN = frozenset({"mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "mpegts", "flv", "nut"})
"""Containers whose times are never those of decoding: where they are in order, no picture is reordered,
whatever the codec allows."""


@dataclass(frozen=True, order=True)
class Keyframe:
    """A picture that needs no other: `time` is when it is shown, `order` its place in decoding order."""

    time: int
    order: int


@dataclass(frozen=True)
class VideoIndex:
    """All times are timestamps of the stream, in units of its time base."""

    times: tuple[int | None, ...]
    """When each picture is shown, in the order in which the decoder gives them. Some containers tell it
    wrongly or not of all."""

    keyframes: tuple[Keyframe, ...]
    """Ascending; empty where decoding can only start at the file's beginning."""

    damaged: int = 0
    """How many packets could not be decoded, where they were decoded to find this."""

    @cached_property
    def number_at(self) -> dict[int, int] | None:
        """The number of the picture of each time; None where a time does not tell one picture."""
        known = [time for time in self.times if time is not None]
        if len(known) < len(self.times) or any(later <= sooner for sooner, later in pairwise(known)):
            return None
        return {time: number for number, time in enumerate(known)}


@dataclass(frozen=True)
class _Packets:
    """What the packets of a stream tell without being decoded."""

    times: tuple[int, ...]
    """Ascending; of those that tell one."""

    keyframes: tuple[Keyframe, ...]
    all_timed: bool
    in_order: bool
    """All are shown in the order of decoding."""


def index_video(path: Path, interlaced: bool) -> VideoIndex:
    """Index a video by its packets, without decoding; by decoding where packets and pictures may differ.

    That is the case where packets have no timestamps, or those of decoding although pictures are
    reordered; where a field may have a packet of its own; and where a packet may hold a picture that is
    never shown. Pictures that an edit list cuts off are left out, and where it decodes, those that cannot
    be decoded. Raises ClipNotFound, ClipUnreadable; av.FFmpegError where the container is damaged.
    """
    container, stream = open_video(path)
    with container:
        hidden = stream.codec_context.name in CODECS_WITH_HIDDEN_PICTURES
        packets = _read_packets(container, stream)
        reordered = bool(stream.codec_context.has_b_frames)
        mistimed = packets.in_order and reordered and container.format.name not in TELL_WHEN_SHOWN
    if packets.all_timed and not hidden and not interlaced and not mistimed:
        return VideoIndex(packets.times, packets.keyframes)
    container, stream = open_video(path)
    with container:
        damaged: list[Packet[VideoStream]] = []
        times = tuple(map(picture_time, decoded(container.demux(stream), damaged.append)))
        delayed = bool(stream.codec_context.has_b_frames)
    index = VideoIndex(times, packets.keyframes, len(damaged))
    # Times of decoding are those of pictures only where each comes at once.
    trusted = index.number_at is not None and (packets.all_timed or not delayed)
    return index if trusted else replace(index, keyframes=())


def _read_packets(container: InputContainer, stream: VideoStream) -> _Packets:
    shown: list[int] = []
    keyframes: set[Keyframe] = set()
    all_timed = True
    for packet in container.demux(stream):
        if packet.size == 0:
            # the demuxer's sign that the file is at its end
            continue
        time = packet.dts if packet.pts is None else packet.pts
        all_timed = all_timed and packet.pts is not None
        if time is None:
            continue
        if packet.is_keyframe:
            keyframes.add(Keyframe(time, time if packet.dts is None else packet.dts))
        if not packet.is_discard:
            shown.append(time)
    times = sorted(set(shown))
    return _Packets(tuple(times), tuple(sorted(keyframes)), all_timed, in_order=shown == times)


def decoded(
    packets: Iterable[Packet[VideoStream]], damaged: Callable[[Packet[VideoStream]], None] | None = None
) -> Generator[VideoFrame, None, None]:
    """The pictures in packets; what cannot be decoded is left out, as Blender does, and told to `damaged`."""
    for packet in packets:
        try:
            frames = packet.decode()
        except av.FFmpegError:
            if damaged is not None:
                damaged(packet)
            continue
        for frame in frames:
            assert isinstance(frame, VideoFrame)
            yield frame


def picture_time(frame: VideoFrame) -> int | None:
    """When a decoded picture is shown; files without that tell at least when it was decoded."""
    return frame.dts if frame.pts is None else frame.pts
