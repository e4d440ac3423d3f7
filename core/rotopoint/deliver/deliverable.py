# SPDX-License-Identifier: GPL-3.0-or-later
"""What every kind of delivered file is to those who make its content: opened, given frames, closed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from rotopoint.clip.timecode import Timecode
from rotopoint.errors import OptionUnreadable
from rotopoint.shot import MatteFormat
from rotopoint.shot.frames import ClipFrame, FileNumber
from rotopoint.shot.setting import Value

EnumT = TypeVar("EnumT", bound=Enum)


class Need(Enum):
    """What a kind of file is made from."""

    MATTE = "matte"
    FOREGROUND = "foreground"
    PLATE = "plate"
    LIGHT = "light"
    TRIMAP = "trimap"


@dataclass(frozen=True)
class About:
    """What a delivery is of: the same for all its frames.

    `clip` is its name in those of files, `source` its file. `size` is (width, height) in pixels, each
    `pixel_aspect` times as wide as high. `subjects` are the names, in the order of layers. `frame_rate` is
    None where the clip says none; `settings` says how mattes were made, one text a subject.
    """

    clip: str
    source: str
    size: tuple[int, int]
    subjects: tuple[str, ...]
    frame_rate: float | None = None
    pixel_aspect: float = 1.0
    settings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Layer:
    """One subject on one frame, in pixels of the source.

    `matte` (height, width) is coverage 0..1, zeros where the subject is absent, or where it is not needed;
    `foreground` (height, width, 3) the subject's own color, scene linear or as `Options.colors` says, and
    straight, and `trimap` (height, width) of 0, 1 and `alpha.UNKNOWN`, where they are needed. `color` is the
    one that a person gave it, linear RGB 0..1.
    """

    subject: str
    matte: NDArray[np.float32]
    color: tuple[float, float, float] = (1.0, 1.0, 1.0)
    foreground: NDArray[np.float32] | None = None
    trimap: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class Frame:
    """All that goes into one frame of a file.

    `plate` (height, width, 3) is the picture in display-referred sRGB 0..255, `light` (height, width, 3)
    the same scene linear with Rec.709 primaries or as `Options.colors` says, values over 1 kept: each where
    it is needed, black where the clip shows no picture. `timecode` is the clip's, where it has one.
    """

    frame: ClipFrame
    number: FileNumber
    layers: tuple[Layer, ...]
    plate: NDArray[np.uint8] | None = None
    light: NDArray[np.float32] | None = None
    timecode: Timecode | None = None


def named(kind: type[EnumT], what: str, text: str) -> EnumT:
    """The member of an enum whose value a text is; `what` it is asked for. Raises OptionUnreadable."""
    for member in kind:
        if member.value == text:
            return member
    raise OptionUnreadable(what, text, f"one of {', '.join(str(member.value) for member in kind)}")


LARGEST_RATE = 999
"""Frames a second."""


TOLERANCES = (0.05, 100.0)
"""Pixels."""


class Compression(Enum):
    """Of EXR files. DWAA loses a little, and least in what is smooth."""

    ZIP = "zip"
    PIZ = "piz"
    DWAA = "dwaa"


class Colors(Enum):
    """What color in files is: light, scene linear with Rec.709 primaries (display-referred in video); or
    values as the plate has them, such as log."""

    LINEAR = "linear"
    PLATE = "plate"


@dataclass(frozen=True)
class Options:
    """What a person chooses of files; each kind takes what it knows.

    `plate`: the plate goes in too. `frame_rate`, of video, is in frames a second; None: the clip's own.
    `tolerance` is how many pixels splines may be off the outline of a matte.
    Raises OptionUnreadable.
    """

    format: MatteFormat = MatteFormat.PNG
    compression: Compression = Compression.ZIP
    plate: bool = False
    frame_rate: float | None = None
    colors: Colors = Colors.LINEAR
    tolerance: float = 0.5

    def __post_init__(self) -> None:
        least, most = TOLERANCES
        if not least <= self.tolerance <= most:
            expected = f"pixels, from {least:g} to {most:g}"
            raise OptionUnreadable("--tolerance", str(self.tolerance), expected)
        rate = self.frame_rate
        if rate is not None and not 1 <= rate <= LARGEST_RATE:
            raise OptionUnreadable("--frame-rate", str(rate), f"frames a second, from 1 to {LARGEST_RATE}")


def cleaned(matte: NDArray[np.float32]) -> NDArray[np.float32]:
    """A copy with what lies outside 0..1 clipped, and 0 where there is no number."""
    # fmax takes 0 where the other is NaN.
    clean = np.fmax(matte, np.float32(0))
    return np.fmin(clean, np.float32(1), out=clean)


class Deliverable(ABC):
    """Files of one kind: of one subject, or where it `joins` them, of all.

    `path` names the file of a number; one that is `one_file` has all frames in it. Frames come in any order
    and on several threads at a time, unless it is `one_file`: then in order, on one. A context manager:
    opened at its start and closed at its end, whole unless an error ended it. Nothing that is not whole is
    ever found under its final name.
    """

    part: ClassVar[str]
    """What `{pass}` is in its file names."""

    extension: ClassVar[str]
    asks: ClassVar[Mapping[str, Value]] = {}
    """Settings that its mattes are made with whatever the shot says, by name."""

    joins: ClassVar[bool] = False
    one_file: ClassVar[bool] = False

    def __init__(
        self, about: About, path: Callable[[FileNumber], Path], options: Options = Options()
    ) -> None:
        self.about = about
        self.path = path
        self.options = options

    @classmethod
    def extension_of(cls, _options: Options) -> str:
        """Of its files' names."""
        return cls.extension

    @property
    def needs(self) -> frozenset[Need]:
        """What has to be in each frame's content."""
        return frozenset({Need.MATTE})

    def open(self) -> None:
        """Before the first frame. Raises OutputUnwritable."""
        return None

    @abstractmethod
    def frame(self, content: Frame) -> Path:
        """Write one frame; the file that it is in. Raises OutputUnwritable."""

    def close(self, *, whole: bool) -> None:
        """After the last frame, or where work broke off before it. Raises OutputUnwritable."""
        return None

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close(whole=kind is None)
