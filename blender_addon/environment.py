# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine's environment that was set up, as far as there is one: how it stands, and how it is run."""

from __future__ import annotations

import sys
from enum import Enum, auto
from pathlib import Path
from typing import TYPE_CHECKING

from . import offer
from .faults import EngineNotSet
from .package import blenders_python

if TYPE_CHECKING:
    from rotopoint.environment.made import Made


class Standing(Enum):
    """None there; as this version of Rotopoint wants it; by the pins of another one, which still runs; made
    for another Python than Blender has by now, which does not."""

    NONE = auto()
    WHOLE = auto()
    OUTDATED = auto()
    OTHER_PYTHON = auto()


def standing_of(made: Made | None, wanted: str, version: tuple[int, int]) -> Standing:
    """`wanted` is the digest of the pins, `version` that of Blender's Python."""
    if made is None:
        return Standing.NONE
    if made.own and made.version != version:
        return Standing.OTHER_PYTHON
    if not made.own and not Path(made.python).is_file():
        return Standing.OTHER_PYTHON
    return Standing.WHOLE if made.digest == wanted else Standing.OUTDATED


def standing() -> tuple[Made | None, Standing]:
    """That of this Blender's environment."""
    pins = offer.lock()
    folder = offer.environment_folder()
    if pins is None or folder is None:
        return None, Standing.NONE
    from rotopoint.environment.made import made_in
    from rotopoint.environment.packages import digest

    made = made_in(folder)
    return made, standing_of(made, digest(pins), sys.version_info[:2])


def usable() -> Made | None:
    """The environment that the engine can run with; None where there is none."""
    made, state = standing()
    return made if state in (Standing.WHOLE, Standing.OUTDATED) else None


def python_of(made: Made) -> list[str]:
    """The command of the interpreter that it is for; Blender's own moves with Blender."""
    if not made.own:
        return [made.python, "-s"]
    try:
        return blenders_python()
    except EngineNotSet:
        return [made.python, "-s"]
