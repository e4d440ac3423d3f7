# SPDX-License-Identifier: GPL-3.0-or-later
"""What the command line's words mean, one by one, and which subject they belong to."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rotopoint.cores import most_threads
from rotopoint.errors import OptionUnreadable
from rotopoint.shot import (
    Box,
    Combination,
    DrawnMask,
    Mask,
    MatteOverride,
    Point,
    Prompt,
)
from rotopoint.shot.frames import ClipFrame, FrameRange
from rotopoint.shot.matte_settings import MATTE_SETTINGS, matte_setting
from rotopoint.shot.prompts import CANDIDATES
from rotopoint.shot.setting import Value

FRAME = r"(\d{1,9})"

NUMBER = r"(-?\d+(?:\.\d+)?)"


@dataclass
class SubjectArguments:
    """A `--subject` with the options that follow it."""

    name: str
    prompts: list[Prompt] = field(default_factory=list)
    absent: list[FrameRange] = field(default_factory=list)
    follow: bool = False
    matte: dict[str, Any] = field(default_factory=dict)
    overrides: list[MatteOverride] = field(default_factory=list)
    united: list[str] = field(default_factory=list)
    subtracted: list[str] = field(default_factory=list)
    garbage: list[DrawnMask] = field(default_factory=list)
    hold_in: list[DrawnMask] = field(default_factory=list)

    def combined(self, earlier: Combination, ids: Mapping[str, str]) -> Combination:
        """What is asked here with what was asked earlier; `ids` are those of the shot's subjects by name."""
        return Combination(
            (*earlier.united, *(ids.get(name, name) for name in self.united)),
            (*earlier.subtracted, *(ids.get(name, name) for name in self.subtracted)),
            (*earlier.garbage, *self.garbage),
            (*earlier.hold_in, *self.hold_in),
        )


class AddSubject(argparse.Action):
    def __call__(self, parser: Any, namespace: Any, values: Any, option: str | None = None) -> None:
        namespace.subjects = [*(namespace.subjects or []), SubjectArguments(values)]


class AddPrompt(argparse.Action):
    """Reads a prompt; it belongs to the `--subject` before it."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option: str | None = None) -> None:
        readers: dict[str, Callable[[str], Prompt]] = {
            "--point": read_point,
            "--box": read_box,
            "--mask": read_mask,
        }
        _last_subject(namespace, option, values).prompts.append(readers[str(option)](values))


class Follow(argparse.Action):
    """Belongs to the `--subject` before it."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option: str | None = None) -> None:
        _last_subject(namespace, option, "").follow = True


class Set(argparse.Action):
    """Reads a setting of the mattes of the `--subject` before it, of all frames or of some."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option: str | None = None) -> None:
        subject = _last_subject(namespace, option, values)
        frames, name, value = read_set(values)
        if frames is None:
            subject.matte[name] = value
        else:
            subject.overrides.append(MatteOverride(frames, name, value))


class Combine(argparse.Action):
    """Reads what the finished mattes of the `--subject` before it are combined with."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option: str | None = None) -> None:
        subject = _last_subject(namespace, option, values)
        match option:
            case "--unite":
                subject.united.append(values)
            case "--subtract":
                subject.subtracted.append(values)
            case "--garbage":
                subject.garbage.append(read_drawn(option, values))
            case "--hold-in":
                subject.hold_in.append(read_drawn(option, values))


class AddAbsent(argparse.Action):
    """Reads an absent range of the `--subject` before it."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option: str | None = None) -> None:
        _last_subject(namespace, option, values).absent.append(FrameRange.parse(values))


def _last_subject(namespace: Any, option: str | None, value: str) -> SubjectArguments:
    if not namespace.subjects:
        raise OptionUnreadable(str(option), value, "a --subject before it")
    subject: SubjectArguments = namespace.subjects[-1]
    return subject


def read_point(text: str) -> Point:
    """`FRAME:X,Y`, with `:neg` after it for a negative point, or `:mask1` to `:mask3` for one of the masks
    that a point alone can mean. Raises OptionUnreadable."""
    match = re.fullmatch(rf"{FRAME}:{NUMBER},{NUMBER}(?::(?:(neg)|pos|mask([1-{CANDIDATES}])))?", text)
    if match is None:
        expected = f"FRAME:X,Y, FRAME:X,Y:neg or FRAME:X,Y:mask1 to mask{CANDIDATES}, for example 1:480,270"
        raise OptionUnreadable("--point", text, expected)
    candidate = int(match[5] or 0)
    return Point(ClipFrame(int(match[1])), float(match[2]), float(match[3]), match[4] is None, candidate)


def read_box(text: str) -> Box:
    """`FRAME:X0,Y0,X1,Y1`. Raises OptionUnreadable."""
    match = re.fullmatch(rf"{FRAME}:{NUMBER},{NUMBER},{NUMBER},{NUMBER}", text)
    if match is None:
        raise OptionUnreadable("--box", text, "FRAME:X0,Y0,X1,Y1, for example 1:100,80,300,260")
    x0, y0, x1, y1 = (float(match[n]) for n in range(2, 6))
    return Box(ClipFrame(int(match[1])), x0, y0, x1, y1)


def read_mask(text: str) -> Mask:
    """`FRAME:FILE`, or `FRAME:FILE#LABEL` for one label of a map. Raises OptionUnreadable."""
    match = re.fullmatch(rf"{FRAME}:(.+)", text, re.DOTALL)
    if match is None:
        raise OptionUnreadable("--mask", text, "FRAME:FILE or FRAME:FILE#LABEL, for example 1:mask.png")
    frame, path = ClipFrame(int(match[1])), match[2]
    labelled = re.fullmatch(r"(.+)#(\d{1,9})", path, re.DOTALL)
    # A file may be called so.
    if labelled is None or Path(path).is_file():
        return Mask(frame, path)
    return Mask(frame, labelled[1], int(labelled[2]))


def read_drawn(option: str, text: str) -> DrawnMask:
    """`FILE` or `FOLDER`, or with `A-B:` before it for some clip frames. Raises OptionUnreadable,
    RangeReversed."""
    match = re.fullmatch(r"(?:(\d{1,9}(?:-\d{1,9})?):)?(.+)", text, re.DOTALL)
    if match is None:
        raise OptionUnreadable(option, text, "[A-B:]FILE or [A-B:]FOLDER, for example 1-48:masks")
    return DrawnMask(match[2], None if match[1] is None else FrameRange.parse(match[1]))


def read_set(text: str) -> tuple[FrameRange | None, str, Value]:
    """`NAME=VALUE`, or `A-B:NAME=VALUE` for some clip frames: the frames, the setting's name, its value.

    Raises OptionUnreadable, SettingUnknown, SettingUnusable.
    """
    match = re.fullmatch(r"(?:(\d{1,9}(?:-\d{1,9})?):)?([a-z][a-z_-]*)=(.+)", text)
    if match is None:
        raise OptionUnreadable("--set", text, "NAME=VALUE or A-B:NAME=VALUE, for example 10-20:edge=soft")
    name = matte_setting(match[2].replace("-", "_"))
    return None if match[1] is None else FrameRange.parse(match[1]), name, MATTE_SETTINGS[name].read(match[3])


def read_threads(text: str) -> int:
    """A number of threads that a processor can run. Raises OptionUnreadable."""
    most = most_threads()
    if not text.isdecimal() or len(text) > 9 or not 1 <= int(text) <= most:
        raise OptionUnreadable("--threads", text, f"a whole number from 1 to {most}")
    return int(text)


def read_worst(text: str) -> int:
    """How many frames to show. Raises OptionUnreadable."""
    if not text.isdecimal() or len(text) > 9:
        raise OptionUnreadable("--worst", text, "a whole number of 0 or more")
    return int(text)
