# SPDX-License-Identifier: GPL-3.0-or-later
"""Image sequences as clips; a lone image is a clip of one frame."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from rotopoint.clip.clip import Clip, FileState, identity_of
from rotopoint.clip.exr import choose_layer, pixel_aspect, read_timecode
from rotopoint.clip.image_file import read_image
from rotopoint.clip.image_header import image_size
from rotopoint.clip.kept import KeptPictures
from rotopoint.clip.limits import MOST_FRAMES
from rotopoint.clip.sequence import NumberedFile, Sequence, sequence_from
from rotopoint.clip.timecode import Timecode
from rotopoint.clip.transform import InputTransform, fractions, three_channels
from rotopoint.errors import ClipUnreadable, FrameNumberNegative, FrameSizeDiffers, FramesMissing
from rotopoint.shot import ClipReference, Missing
from rotopoint.shot.frames import ClipFrame, FileNumber, FrameMap, SourceFrame

ScalarT = TypeVar("ScalarT", bound=np.generic)


class ImageSequence(Clip):
    """Pictures from numbered files; source frame n is the n-th file that exists."""

    frame_rate = None

    def __init__(self, reference: ClipReference, transform: InputTransform) -> None:
        """Looks at the header of each file.

        Raises ClipNotFound, ClipUnreadable, FrameNumberNegative, FramesMissing,
        FrameSizeDiffers.
        """
        # What the host application counted, it counted as Blender does.
        sequence = sequence_from(Path(reference.path), by_difference=reference.frame_count is None)
        if negative := [file for file in sequence.files if file.is_negative]:
            raise FrameNumberNegative(negative[0].path)
        self._first_number = sequence.first.number
        files, self.frame_map = map_sequence(sequence, reference.frame_count, reference.missing)
        self._files = tuple(file.path for file in files)
        self.states = tuple(map(FileState.of, self._files))
        self._transform = transform
        self._kept = KeptPictures()
        self.path = sequence.first.path
        self.name = sequence.name
        self.picture_count = len(self._files)
        self.size = image_size(self.path)
        for file in self._files[1:]:
            self._check_size(file, image_size(file))
        self.transform_key = transform.key
        is_exr = self.path.suffix.lower() == ".exr"
        if reference.layer and not is_exr:
            raise ClipUnreadable(self.path, f"only EXR has layers; leave {reference.layer} out")
        self.layer = choose_layer(self.path, reference.layer) if is_exr else ""
        self.pixel_aspect = pixel_aspect(self.path) if is_exr else 1.0
        layer = [f"layer {self.layer}"] if self.layer else []
        self.identity = identity_of(self.states, transform.key, *layer)

    def file_number(self, frame: ClipFrame) -> FileNumber:
        self.frame_map.source(frame)
        return FileNumber(self._first_number + frame - 1)

    def timecode(self, frame: ClipFrame) -> Timecode | None:
        source = self.frame_map.source(frame)
        is_exr = self.path.suffix.lower() == ".exr"
        return read_timecode(self._files[source]) if is_exr and source is not None else None

    def read(self, source: SourceFrame) -> NDArray[np.uint8]:
        return _own(self._transform.apply(self._stored(source)))

    def read_light(self, source: SourceFrame) -> NDArray[np.float32]:
        return _own(self._transform.light(self._stored(source)))

    def read_values(self, source: SourceFrame) -> NDArray[np.float32]:
        return _own(np.ascontiguousarray(fractions(three_channels(self._stored(source)))))

    def encoded(self, light: NDArray[np.float32]) -> NDArray[np.float32]:
        return self._transform.encoded(light, whole=self._counts_in_whole_numbers)

    @cached_property
    def _counts_in_whole_numbers(self) -> bool:
        return self._stored(SourceFrame(0)).dtype != np.float32

    def _stored(self, source: SourceFrame) -> NDArray[Any]:
        if source < 0:
            raise IndexError(source)
        pixels = self._kept.get(source, lambda: self._read_file(self._files[source]))
        self.check_unchanged(source)
        return pixels

    def _read_file(self, file: Path) -> NDArray[Any]:
        pixels = read_image(file, self.layer)
        self._check_size(file, (pixels.shape[1], pixels.shape[0]))
        return pixels

    def close(self) -> None:
        """No file is held open between two pictures."""
        self._kept.clear()

    def _check_size(self, file: Path, size: tuple[int, int]) -> None:
        if size != self.size:
            raise FrameSizeDiffers(file, size, self.size)


def _own(pixels: NDArray[ScalarT]) -> NDArray[ScalarT]:
    """A picture that its reader may write into: what is kept for others is copied."""
    return pixels if pixels.flags.writeable else pixels.copy()


def map_sequence(
    sequence: Sequence, frame_count: int | None, missing: Missing
) -> tuple[tuple[NumberedFile, ...], FrameMap]:
    """The files of a sequence that the clip shows, and the source frame of each of its clip frames.

    Clip frame n shows the file of number first + n - 1. A gap shows the file before it or None, as
    `missing` says. `frame_count` cuts the sequence, or stretches it by a gap. Raises FramesMissing;
    ClipUnreadable where the numbers span more than MOST_FRAMES.
    """
    first, last = sequence.first.number, sequence.files[-1].number
    count = last - first + 1 if frame_count is None else frame_count
    folder = sequence.first.path.parent
    if count > MOST_FRAMES:
        raise ClipUnreadable(
            folder, f"the files {sequence.pattern} span {count} numbers, from {first} to {last}"
        )
    files = tuple(file for file in sequence.files if file.number < first + count)
    source_of = {file.number: index for index, file in enumerate(files)}
    numbers = range(first, first + count)
    if missing is Missing.ERROR and (gaps := tuple(n for n in numbers if n not in source_of)):
        raise FramesMissing(folder / sequence.pattern, gaps)
    sources: list[int | None] = []
    for number in numbers:
        held = sources[-1] if sources and missing is Missing.HOLD else None
        sources.append(source_of.get(number, held))
    return files, FrameMap.of(sources)
