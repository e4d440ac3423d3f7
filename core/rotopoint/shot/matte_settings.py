# SPDX-License-Identifier: GPL-3.0-or-later
"""How a subject's track becomes its mattes. All others derive from what each field says of itself here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum

from rotopoint.errors import SettingUnknown
from rotopoint.shot.frames import ClipFrame, FrameRange
from rotopoint.shot.setting import LARGEST_WHOLE, Value, setting, settings_in


class MatteEdge(Enum):
    """How logits become coverage; see `rotopoint.mattes.coverage`. New ones go to the end."""

    SOFT = "soft"
    ANTIALIASED = "antialiased"
    HARD = "hard"


class FeatherSide(Enum):
    """Where a feathered edge lies; see `rotopoint.mattes.edge`. New ones go to the end."""

    INWARD = "inward"
    OUTWARD = "outward"
    BOTH = "both"


@dataclass(frozen=True)
class MatteSettings:
    """One subject's. None of it has influence on a track. Raises SettingUnusable.

    Sizes are in pixels of the source. Each field is described by `setting.Setting`; groups and fields are
    shown in this order.
    """

    edge: MatteEdge = setting(
        MatteEdge.ANTIALIASED,
        "Edge",
        "How hard the matte's edge is",
        "Edge",
        choices={
            MatteEdge.SOFT: "An edge as wide as the model is unsure",
            MatteEdge.ANTIALIASED: "An edge of about one pixel",
            MatteEdge.HARD: "Each pixel is in or out",
        },
    )
    snap: float = setting(
        1.0,
        "Snap to Plate",
        "How far the edge is moved to where the picture shows it, where the model is unsure",
        "Edge",
        least=0,
        most=1,
        neutral=0.0,
    )
    smooth: float = setting(
        0.0,
        "Smooth",
        "Details of the outline of about this size are smoothed; corners stay",
        "Edge",
        unit="px",
        least=0,
        most=100,
        usual_most=20,
        neutral=0.0,
    )
    expand: float = setting(
        0.0,
        "Expand",
        "The edge is moved outward by so much, inward where it is negative",
        "Edge",
        unit="px",
        least=-500,
        most=500,
        usual_most=20,
        neutral=0.0,
    )
    feather: float = setting(
        0.0,
        "Feather",
        "Width of the soft edge",
        "Edge",
        unit="px",
        least=0,
        most=1000,
        usual_most=50,
        neutral=0.0,
    )
    feather_side: FeatherSide = setting(
        FeatherSide.BOTH,
        "Feather Side",
        "Where the soft edge lies",
        "Edge",
        choices={
            FeatherSide.INWARD: "Within the matte",
            FeatherSide.OUTWARD: "Outside of the matte",
            FeatherSide.BOTH: "Half on each side",
        },
        neutral=FeatherSide.BOTH,
    )
    black_point: float = setting(
        0.0,
        "Black Point",
        "Coverage of as much or less becomes none",
        "Edge",
        least=0,
        most=1,
        neutral=0.0,
    )
    white_point: float = setting(
        1.0,
        "White Point",
        "Coverage of as much or more becomes full",
        "Edge",
        least=0,
        most=1,
        neutral=1.0,
    )
    largest_hole: int = setting(
        0,
        "Fill Holes",
        "Holes of up to this many pixels of the clip are filled",
        "Clean",
        unit="px",
        least=0,
        most=LARGEST_WHOLE,
        usual_most=10_000,
    )
    largest_speck: int = setting(
        0,
        "Remove Specks",
        "Parts of up to this many pixels of the clip are removed",
        "Clean",
        unit="px",
        least=0,
        most=LARGEST_WHOLE,
        usual_most=10_000,
        neutral=0,
    )
    parts: int = setting(
        0,
        "Keep Largest Parts",
        "So many of the largest parts are kept, 0 for all",
        "Clean",
        least=0,
        most=1000,
        usual_most=10,
        neutral=0,
    )
    prompted_parts: bool = setting(
        False,
        "Keep Prompted Parts",
        "On frames with points, parts that hold none of them are removed",
        "Clean",
        neutral=False,
    )
    border: int = setting(
        0,
        "Mend Border",
        "So many pixels along the picture's border become as those next to them",
        "Clean",
        unit="px",
        least=0,
        most=100,
        usual_most=20,
        neutral=0,
    )
    exclusive: bool = setting(
        False,
        "Exclusive",
        "Pixels that are more another subject's are left to it",
        "Combine",
        neutral=False,
        beyond=True,
    )
    alpha: bool = setting(
        False,
        "Solve Alpha",
        "Find hair, fur and blur by the picture's colors, where the model is unsure; takes seconds a frame",
        "Alpha",
        neutral=False,
    )
    trimap_width: float = setting(
        0.0,
        "Trimap Width",
        "Width of the band that is solved, 0 for what the model is unsure of",
        "Alpha",
        unit="px",
        least=0,
        most=1000,
        usual_most=100,
        neutral=0.0,
    )
    decontaminate: bool = setting(
        True,
        "Decontaminate",
        "Take the background's color out of soft edges of cut-outs",
        "Foreground",
        # Mattes do not depend on it.
        neutral=True,
    )
    steady: float = setting(
        0.0,
        "Steady",
        "How much the frames before and after have a say, moved along with the picture",
        "Time",
        least=0,
        most=1,
        neutral=0.0,
        beyond=True,
    )

    def __post_init__(self) -> None:
        for name, described in MATTE_SETTINGS.items():
            object.__setattr__(self, name, described.checked(getattr(self, name)))

    @property
    def looks_beyond(self) -> bool:
        """Whether a matte is made from records of other frames or subjects too."""
        described = MATTE_SETTINGS.items()
        return any(d.beyond and getattr(self, name) != d.neutral for name, d in described)


MATTE_SETTINGS = settings_in(MatteSettings)
"""The fields by name, in their order."""


def matte_setting(name: str) -> str:
    """The name itself. Raises SettingUnknown."""
    if name not in MATTE_SETTINGS:
        raise SettingUnknown(name, tuple(MATTE_SETTINGS))
    return name


@dataclass(frozen=True)
class MatteOverride:
    """One setting, by the name of its field, with another value on some frames.

    Raises SettingUnknown, SettingUnusable.
    """

    frames: FrameRange
    name: str
    value: Value

    def __post_init__(self) -> None:
        described = MATTE_SETTINGS[matte_setting(self.name)]
        object.__setattr__(self, "value", described.checked(self.value))


def settings_on(
    frame: ClipFrame, settings: MatteSettings, overrides: Iterable[MatteOverride]
) -> MatteSettings:
    """The settings that hold on a clip frame."""
    given = {o.name: o.value for o in overrides if frame in o.frames}
    return replace(settings, **given) if given else settings  # type: ignore[arg-type]
