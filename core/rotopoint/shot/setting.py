# SPDX-License-Identifier: GPL-3.0-or-later
"""What a field of settings says of itself, so that JSON, options and Blender's properties derive from it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from typing import Any, TypeAlias

from rotopoint.errors import SettingUnusable

Value: TypeAlias = bool | int | float | Enum

LARGEST_WHOLE = 2**31 - 1
"""What a whole number in Blender holds."""

KEY = "setting"
"""Of a field's metadata."""


@dataclass(frozen=True)
class Setting:
    """One field: a flag, a whole number, a number, or one of an enum, as its default is.

    `label` and `help` are what interfaces show, `group` the heading that it stands under, `unit` what its
    numbers count, such as px; `least` and `most` are its limits, both included, and `usual_most` is where
    sliders end. `choices` tells what each member of its enum means. With `neutral` it asks for nothing: a
    matte that was made before the setting existed is as one that has this value. `beyond`: with any other
    value a matte depends on records of other frames or subjects too.
    """

    label: str
    help: str
    group: str
    unit: str = ""
    least: float = -LARGEST_WHOLE
    most: float = LARGEST_WHOLE
    usual_most: float | None = None
    choices: Mapping[Any, str] = field(default_factory=dict)
    neutral: Value | None = None
    beyond: bool = False
    name: str = ""
    default: Any = None

    @property
    def kind(self) -> type[Any]:
        return type(self.default)

    @property
    def option(self) -> str:
        """Of the command line."""
        return f"--{self.name.replace('_', '-')}"

    def checked(self, value: object) -> Value:
        """The value as the field holds it: whole numbers serve as numbers, texts as members of an enum.

        Raises SettingUnusable.
        """
        if issubclass(self.kind, Enum):
            for member in self.kind:
                if value is member or value == member.value:
                    return member
            raise self._unusable(value, f"one of {', '.join(str(member.value) for member in self.kind)}")
        if self.kind is bool:
            if not isinstance(value, bool):
                raise self._unusable(value, "true or false")
            return value
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            raise self._unusable(value, self._numbers)
        if self.kind is int and type(value) is not int:
            raise self._unusable(value, self._numbers)
        # Not a number is in no limits.
        if not self.least <= value <= self.most:
            raise self._unusable(value, self._numbers)
        return value if self.kind is int else float(value)

    def read(self, text: str) -> Value:
        """The value that a word of the command line means. Raises SettingUnusable."""
        if issubclass(self.kind, Enum):
            return self.checked(text)
        try:
            found = {"on": True, "off": False}[text] if self.kind is bool else self.kind(text)
        except (KeyError, ValueError):
            raise self._unusable(text, "on or off" if self.kind is bool else self._numbers) from None
        return self.checked(found)

    def _unusable(self, value: object, expected: str) -> SettingUnusable:
        shown = value.value if isinstance(value, Enum) else value
        plain = isinstance(shown, (str, float, int, type(None)))
        return SettingUnusable(self.name, str(shown)[:80] if plain else type(shown).__name__, expected)

    @property
    def _numbers(self) -> str:
        kind = "a whole number" if self.kind is int else "a number"
        return f"{kind} from {self.least:.10g} to {self.most:.10g}{f' {self.unit}' if self.unit else ''}"


def setting(default: Any, label: str, help: str, group: str, **more: Any) -> Any:
    """A dataclass's field with this default that is described so; see Setting."""
    return field(default=default, metadata={KEY: Setting(label, help, group, **more)})


@cache
def settings_in(kind: type[Any]) -> Mapping[str, Setting]:
    """The described fields of a dataclass by name, in their order."""
    return {
        f.name: dataclasses.replace(f.metadata[KEY], name=f.name, default=f.default)
        for f in dataclasses.fields(kind)
        if KEY in f.metadata
    }


def plain(value: Value) -> bool | int | float | str:
    """As JSON holds it."""
    return str(value.value) if isinstance(value, Enum) else value
