# SPDX-License-Identifier: GPL-3.0-or-later
"""Decodes the pictures of a video by their number: forward without seeking, else from the keyframe before."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Generator, Iterable
from itertools import chain
from pathlib import Path

import av
from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from rotopoint.clip.video_file import open_video
from rotopoint.clip.video_index import VideoIndex, picture_time
from rotopoint.errors import ClipUnreadable

KEYFRAMES_TRIED = 3
"""Some demuxers land behind the keyframe that is asked for; then those before it are tried."""


MOST_KEPT_BYTES = 64 << 20
"""Decoded pictures up to this size in all are kept. Going backward, a file with one keyframe in a
hundred pictures would else be decoded from there for every picture."""

FEWEST_KEPT = 2


class VideoDecoder:
    """One open file, the place where its decoder stands, and the pictures that it gave last."""

    container: InputContainer
    stream: VideoStream

    def __init__(self, path: Path) -> None:
        """Raises ClipNotFound, ClipUnreadable."""
        self._path = path
        self._index = VideoIndex((), ())
        self._kept: OrderedDict[int, VideoFrame] = OrderedDict()
        self._open()

    def _open(self) -> None:
        self.container, self.stream = open_video(self._path)
        self._start(self.container.demux(self.stream), 0)

    def _start(self, packets: Iterable[Packet[VideoStream]], following: int) -> None:
        self._frames = _decoded(packets)
        self._following = following
        """The number of the next picture that the decoder can give."""

    def close(self) -> None:
        self._frames.close()
        self._kept.clear()
        self.container.close()

    def restart(self) -> None:
        """Open the file anew: exact where seeking to the start is not."""
        self.close()
        self._open()

    def first(self) -> VideoFrame:
        """The first picture, of a file just opened; raises ClipUnreadable where there is none."""
        frame = next(self._frames, None)
        if frame is None:
            raise ClipUnreadable(self._path, "no picture can be decoded")
        return frame

    def use(self, index: VideoIndex) -> None:
        """Number the pictures by `index` from now on, and go to the first one."""
        self._index = index
        self.restart()

    def picture(self, source: int) -> VideoFrame:
        """Picture number `source`; raises ClipUnreadable where it cannot be decoded."""
        time = self._index.times[source]
        if time in self._kept:
            return self._kept[time]
        if not self._comes_soon(source):
            self._seek(time)
        frame = self._forward_to(time)
        if frame is None:
            self.restart()
            frame = self._forward_to(time)
        if frame is None:
            raise ClipUnreadable(self._path, f"picture {source + 1} cannot be decoded")
        return frame

    def _comes_soon(self, source: int) -> bool:
        """Whether decoding on is the shortest way: the picture is ahead and no keyframe nearer to it."""
        if source <= self._following:
            return source == self._following
        near, far = (self._index.times[n] for n in (self._following, source))
        return self._keyframes_until(near) == self._keyframes_until(far)

    def _keyframes_until(self, time: int) -> int:
        return bisect_right(self._index.keyframes, time, key=lambda keyframe: keyframe.time)

    def _seek(self, time: int) -> None:
        """Go to a keyframe from which the picture shown at `time` can be decoded."""
        before = self._index.keyframes[: self._keyframes_until(time)]
        for keyframe in before[: -1 - KEYFRAMES_TRIED : -1]:
            # demuxers differ in which of the two times they seek by
            self.container.seek(min(keyframe.time, keyframe.order), stream=self.stream)
            packets = self.container.demux(self.stream)
            landed = next(packets)
            order = landed.pts if landed.dts is None else landed.dts
            if order is not None and order <= keyframe.order:
                self._start(chain([landed], packets), bisect_left(self._index.times, keyframe.time))
                return
        self.restart()

    def _forward_to(self, time: int) -> VideoFrame | None:
        """Decode on until the picture shown at `time`; None where it does not come."""
        for frame in self._frames:
            shown = picture_time(frame)
            if shown is None:
                continue
            self._keep(shown, frame)
            if shown >= time:
                self._following = bisect_right(self._index.times, shown)
                return frame if shown == time else None
        self._following = len(self._index.times)
        return None

    def _keep(self, time: int, frame: VideoFrame) -> None:
        size = sum(plane.buffer_size for plane in frame.planes)
        self._kept[time] = frame
        self._kept.move_to_end(time)
        while len(self._kept) > max(MOST_KEPT_BYTES // size, FEWEST_KEPT):
            self._kept.popitem(last=False)


def _decoded(packets: Iterable[Packet[VideoStream]]) -> Generator[VideoFrame, None, None]:
    """The pictures in packets; what cannot be decoded is left out, as Blender does."""
    for packet in packets:
        try:
            frames = packet.decode()
        except av.FFmpegError:
            continue
        for frame in frames:
            assert isinstance(frame, VideoFrame)
            yield frame
