# SPDX-License-Identifier: GPL-3.0-or-later
"""Decodes the pictures of a video by their number: forward without seeking, else from the keyframe before."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

from av.container import InputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from rotopoint.clip.video_file import open_video
from rotopoint.clip.video_index import VideoIndex, decoded, picture_time
from rotopoint.errors import ClipUnreadable, PictureUndecodable

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
        self._frames = decoded(packets)
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
        """Picture number `source`; raises PictureUndecodable."""
        if source in self._kept:
            return self._kept[source]
        if not self._comes_soon(source):
            self._seek(source)
        frame = self._forward_to(source)
        if frame is None:
            self.restart()
            frame = self._forward_to(source)
        if frame is None:
            raise PictureUndecodable(self._path, source + 1)
        return frame

    def held(self, source: int) -> VideoFrame:
        """What Blender shows in place of a picture that cannot be decoded: the one before it; at the clip's
        beginning the one after it. Raises ClipUnreadable where none can be decoded."""
        if source not in self._kept:
            self._seek(source)
            before, after = self._around(source)
            if before is None:
                self.restart()
                before, after = self._around(source)
            frame = before or after
            if frame is None:
                raise ClipUnreadable(self._path, "no picture can be decoded")
            self._keep(source, frame)
        return self._kept[source]

    def undecodable(self) -> frozenset[int]:
        """The numbers of the pictures that cannot be decoded: goes through the file."""
        self.restart()
        return frozenset(range(len(self._index.times))) - {n for n, _ in self._numbered()}

    def _comes_soon(self, source: int) -> bool:
        """Whether decoding on is the shortest way: the picture is ahead and no keyframe nearer to it."""
        if source <= self._following:
            return source == self._following
        return self._keyframes_until(self._following) == self._keyframes_until(source)

    def _keyframes_until(self, source: int) -> int:
        """How many keyframes there are at or before a picture; 0 where none can be used."""
        keyframes, time = self._index.keyframes, self._index.times[source]
        return 0 if time is None else bisect_right(keyframes, time, key=lambda keyframe: keyframe.time)

    def _seek(self, source: int) -> None:
        """Go to a keyframe from which a picture can be decoded."""
        before = self._index.keyframes[: self._keyframes_until(source)]
        for keyframe in before[: -1 - KEYFRAMES_TRIED : -1]:
            # demuxers differ in which of the two times they seek by
            self.container.seek(min(keyframe.time, keyframe.order), stream=self.stream)
            packets = self.container.demux(self.stream)
            landed = next(packets)
            order = landed.pts if landed.dts is None else landed.dts
            if order is not None and order <= keyframe.order:
                self._start(chain([landed], packets), self._first_at(keyframe.time))
                return
        self.restart()

    def _first_at(self, time: int) -> int:
        """The number of the first picture that is not shown before `time`."""
        return bisect_left(self._index.times, time, key=lambda known: -1 if known is None else known)

    def _forward_to(self, source: int) -> VideoFrame | None:
        """Decode on until picture number `source`; None where it does not come."""
        for number, frame in self._numbered():
            self._keep(number, frame)
            if number >= source:
                return frame if number == source else None
        return None

    def _around(self, source: int) -> tuple[VideoFrame | None, VideoFrame | None]:
        """Decode on past picture number `source`: the pictures before and after it."""
        before = None
        for number, frame in self._numbered():
            if number >= source:
                return before, frame
            before = frame
        return before, None

    def _numbered(self) -> Iterator[tuple[int, VideoFrame]]:
        """Decode on, each picture with its number."""
        for frame in self._frames:
            number = self._number(frame)
            if number is not None:
                self._following = number + 1
                yield number, frame
        self._following = len(self._index.times)

    def _number(self, frame: VideoFrame) -> int | None:
        """Which picture a decoded one is: by its time, else by counting from the file's beginning."""
        if self._index.number_at is None:
            return self._following
        time = picture_time(frame)
        return None if time is None else self._index.number_at.get(time)

    def _keep(self, number: int, frame: VideoFrame) -> None:
        size = sum(plane.buffer_size for plane in frame.planes)
        self._kept[number] = frame
        self._kept.move_to_end(number)
        while len(self._kept) > max(MOST_KEPT_BYTES // size, FEWEST_KEPT):
            self._kept.popitem(last=False)
