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
