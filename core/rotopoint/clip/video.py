# SPDX-License-Identifier: GPL-3.0-or-later
"""Video as a clip, through PyAV: read lazily, fast in sequence, exact at random."""

from __future__ import annotations

import hashlib
import threading
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

from rotopoint.clip.clip import Clip, FileState, identity_of
from rotopoint.clip.frame_map import blender_frame_count, blender_frame_map, frame_count_by_times
from rotopoint.clip.limits import require_count
from rotopoint.clip.plane import packed_pixels
from rotopoint.clip.timecode import Timecode
from rotopoint.clip.transform import InputTransform, fractions
from rotopoint.clip.video_color import exact_rgb
from rotopoint.clip.video_decoder import VideoDecoder
from rotopoint.clip.video_file import start_timecode
from rotopoint.clip.video_index import index_video
from rotopoint.errors import ClipUnreadable, FrameSizeDiffers, PictureUndecodable
from rotopoint.shot import ClipReference, Missing
from rotopoint.shot.frames import ClipFrame, FileNumber, FrameMap, SourceFrame

CHROMA = Interpolation.POINT
"""Each pixel has the chroma of its block, as in Blender; within 4 of 255 of what newer ones make of it, which
is near enough for the model and for edges. Colors that are delivered are exact: see `video_color`."""


class Video(Clip):
    """Pictures of a file's first video stream; source frame n is the n-th picture that is shown.

    YCbCr becomes RGB by the matrix and range that the stream is tagged with; untagged, by BT.601 of
    limited range, which is what Blender (swscale) assumes, at any size. Transfer function and primaries
    are not converted: the values are display-referred. More than 8 bits are rounded to 8, but for light.

    A picture that cannot be decoded is an error, or held, or black, as the clip's `missing` says; for black
    the file is decoded once as it is opened.

    Holds one open file, the decoder's own pictures, and a few that were decoded last.
    """

    frame_rate: float

    def __init__(self, reference: ClipReference, transform: InputTransform) -> None:
        """Reads the file once without decoding it. Raises ClipNotFound, ClipUnreadable."""
        self.path = Path(reference.path)
        if reference.layer:
            raise ClipUnreadable(self.path, f"only EXR has layers; leave {reference.layer} out")
        self.name = self.path.stem
        self._missing = reference.missing
        # Blender 4.2, which ignores rotation, converts colors the quick way.
        self._is_exact = reference.honors_rotation
        self._transform = transform
        self.transform_key = transform.key
        self._reformatter = VideoReformatter()
        self._decoder = VideoDecoder(self.path)
        self._one_reader = threading.Lock()
        self.states = (FileState.of(self.path),)
        try:
            self._open(reference)
        except av.FFmpegError as error:
            self.close()
            raise self._damaged(error) from error
        except ClipUnreadable:
            self.close()
            raise

    def _open(self, reference: ClipReference) -> None:
        first = self._decoder.first()
        self._stored_size = (first.width, first.height)
        self._quarter_turns = first.rotation % 360 // 90 if _is_turned(first, reference) else 0
        width, height = self._stored_size
        self.size = (height, width) if self._quarter_turns % 2 else (width, height)
        said = float(self._decoder.stream.sample_aspect_ratio or 0) or 1.0
        self.pixel_aspect = 1 / said if self._quarter_turns % 2 else said
        self._start_timecode = start_timecode(self._decoder.container, self._decoder.stream)
        index = index_video(self.path, first.interlaced_frame)
        if all(time is None for time in index.times):
            raise ClipUnreadable(self.path, "its pictures have no timestamps")
        self._decoder.use(index)
        self.picture_count = len(index.times)
        self.frame_map = self._map(index.times, reference.frame_count)
        if index.damaged and reference.missing is Missing.ERROR:
            raise ClipUnreadable(
                self.path,
                f"{index.damaged} of its packets cannot be decoded; --missing hold shows the pictures before "
                "in their place, as Blender does",
            )
        # What is tracked over a held picture is another track than what leaves it out.
        left_out = []
        if reference.missing is Missing.BLACK and (gone := self._decoder.undecodable()):
            self.frame_map = FrameMap.of(None if s in gone else s for s in self.frame_map.sources)
            left_out = [f"left out {sorted(gone)}"]
        times = hashlib.sha256(repr(index.times).encode()).hexdigest()
        self.identity = identity_of(
            self.states,
            f"quarter turns {self._quarter_turns}",
            f"times {times}",
            *left_out,
            self._transform.key,
        )

    def _map(self, times: tuple[int | None, ...], frame_count: int | None) -> FrameMap:
        """Blender's map, for as many clip frames as it was said to show."""
        container, stream = self._decoder.container, self._decoder.stream
        rate, time_base = stream.guessed_rate, stream.time_base
        if not rate or not time_base:
            raise ClipUnreadable(self.path, "its frame rate is unknown")
        self.frame_rate = float(rate)
        start = stream.start_time
        if frame_count is None:
            audio = next(iter(container.streams.audio), None)
            frame_count = blender_frame_count(
                stream_duration=stream.duration,
                time_base=time_base,
                container_duration=container.duration,
                video_start=_seconds(start, time_base),
                audio_start=_seconds(audio.start_time, audio.time_base) if audio else 0.0,
                rate=rate,
                announced=stream.frames,
            )
            if frame_count < 1:
                frame_count = frame_count_by_times(times, start or 0, rate, time_base)
        require_count(self.path, frame_count)
        return blender_frame_map(times, start or 0, rate, time_base, frame_count)

    def file_number(self, frame: ClipFrame) -> FileNumber:
        self.frame_map.source(frame)
        return FileNumber(frame)

    def timecode(self, frame: ClipFrame) -> Timecode | None:
        start, per_second = self._start_timecode, round(self.frame_rate)
        if start is None or not start.fits(per_second):
            return None
        return start.later(frame - 1, per_second)

    def read(self, source: SourceFrame) -> NDArray[np.uint8]:
        return np.ascontiguousarray(self._transform.apply(self._quick_rgb(source)))

    def read_light(self, source: SourceFrame) -> NDArray[np.float32]:
        rgb = self._exact_rgb(source) if self._is_exact else self._quick_rgb(source)
        return np.ascontiguousarray(self._transform.light(rgb))

    def read_values(self, source: SourceFrame) -> NDArray[np.float32]:
        rgb = self._exact_rgb(source) if self._is_exact else self._quick_rgb(source)
        return np.ascontiguousarray(fractions(rgb))

    def encoded(self, light: NDArray[np.float32]) -> NDArray[np.float32]:
        return self._transform.encoded(light, whole=True)

    def _exact_rgb(self, source: SourceFrame) -> NDArray[Any]:
        with self._one_reader:
            frame = self._next(source)
        return np.rot90(exact_rgb(frame), self._quarter_turns)

    def _quick_rgb(self, source: SourceFrame) -> NDArray[np.uint8]:
        """In 8 bits, turned as Blender shows it."""
        # Mattes and deliveries are made on other threads than those that read for the model.
        with self._one_reader:
            frame = self._reformatter.reformat(self._next(source), format="rgb24", interpolation=CHROMA)
        return np.rot90(packed_pixels(frame, np.uint8, 3), self._quarter_turns)

    def _next(self, source: SourceFrame) -> VideoFrame:
        if not 0 <= source < self.picture_count:
            raise IndexError(source)
        try:
            frame = self._decoder.picture(source)
        except PictureUndecodable:
            if self._missing is Missing.ERROR:
                raise
            frame = self._decoder.held(source)
        except av.FFmpegError as error:
            raise self._damaged(error) from error
        if (frame.width, frame.height) != self._stored_size:
            raise FrameSizeDiffers(self.path, (frame.width, frame.height), self._stored_size)
        self.check_unchanged(source)
        return frame

    def close(self) -> None:
        self._decoder.close()

    def _damaged(self, error: av.FFmpegError) -> ClipUnreadable:
        return ClipUnreadable(self.path, f"the video is damaged or truncated ({error.strerror})")


def _is_turned(frame: VideoFrame, reference: ClipReference) -> bool:
    """Blender turns pictures by right angles alone."""
    return reference.honors_rotation and frame.rotation % 90 == 0


def _seconds(time: int | None, time_base: Fraction | None) -> float:
    return 0.0 if time is None or time_base is None else time * float(time_base)
