# SPDX-License-Identifier: GPL-3.0-or-later
"""Shots as versioned JSON. Older versions are upgraded step by step, newer ones refused."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

from rotopoint.errors import RotopointError, SettingUnusable, ShotTooNew, ShotUnreadable
from rotopoint.files import path_fault, require_regular_file
from rotopoint.shot import (
    Approved,
    Box,
    ClipReference,
    Combination,
    Direction,
    DrawnMask,
    Mask,
    MatteFormat,
    MatteOverride,
    MatteSettings,
    Missing,
    Point,
    Prompt,
    Settings,
    Shot,
    Subject,
)
from rotopoint.shot.frames import ClipFrame, FrameRange
from rotopoint.shot.matte_settings import MATTE_SETTINGS
from rotopoint.shot.prompts import CANDIDATES
from rotopoint.shot.setting import LARGEST_WHOLE, Setting, Value, plain
from rotopoint.whole_files import write_whole

VERSION = 4

LONGEST_ID = 128
"""Characters; the add-on's have 12, the command line takes names."""

Json = dict[str, Any]


def _with_absent_and_approved(shot: Json) -> Json:
    """From version 1, which knew neither. Faults are left to the reader."""
    subjects = shot.get("subjects")
    if not isinstance(subjects, list):
        return shot
    more: Json = {"absent": [], "approved": []}
    return {**shot, "subjects": [more | s if isinstance(s, dict) else s for s in subjects]}


def _with_matte_settings(shot: Json) -> Json:
    """From version 2, which had one edge and one size of holes for all, and moved no edge to the plate. Holes
    of less than none were none."""
    settings, subjects = shot.get("settings"), shot.get("subjects")
    if not isinstance(settings, dict) or not isinstance(subjects, list):
        return shot
    matte = {name: settings[name] for name in ("edge", "largest_hole") if settings.get(name) is not None}
    matte["snap"] = MATTE_SETTINGS["snap"].neutral
    if isinstance(hole := matte.get("largest_hole"), int):
        matte["largest_hole"] = max(hole, 0)
    return {**shot, "subjects": [{**s, "matte": matte} if isinstance(s, dict) else s for s in subjects]}


def _with_combinations(shot: Json) -> Json:
    """From version 3, which combined no mattes: what is not said is nothing."""
    return shot


UPGRADES: dict[int, Callable[[Json], Json]] = {
    1: _with_absent_and_approved,
    2: _with_matte_settings,
    3: _with_combinations,
}
"""UPGRADES[n] turns a shot of version n into one of version n + 1."""

FILE_SUFFIXES = frozenset({".pt", ".safetensors", ".cube"})
"""Of checkpoints and tables; what has none of them is a name."""

LONE_SURROGATE = re.compile("[\ud800-\udfff]")

_E = TypeVar("_E", bound=Enum)


def shot_to_dict(shot: Shot) -> Json:
    """The shot as plain data, in the current version."""
    clip, settings = shot.clip, shot.settings
    return {
        "version": VERSION,
        "clip": {
            "path": clip.path,
            "missing": clip.missing.value,
            "frame_count": clip.frame_count,
            "size": None if clip.size is None else list(clip.size),
            "honors_rotation": clip.honors_rotation,
            "layer": clip.layer,
        },
        "subjects": [
            {
                "id": s.id,
                "name": s.name,
                "color": list(s.color),
                "prompts": [_prompt_to_dict(p) for p in s.prompts],
                "absent": [[frames.first, frames.last] for frames in s.absent],
                "follow": s.follow,
                "approved": [{"frame": a.frame, "path": a.path, "sha256": a.sha256} for a in s.approved],
                "matte": matte_to_dict(s.matte),
                "overrides": [
                    {"frames": [o.frames.first, o.frames.last], "setting": o.name, "value": plain(o.value)}
                    for o in s.overrides
                ],
                "combine": {
                    "united": list(s.combine.united),
                    "subtracted": list(s.combine.subtracted),
                    "garbage": [_drawn_to_dict(mask) for mask in s.combine.garbage],
                    "hold_in": [_drawn_to_dict(mask) for mask in s.combine.hold_in],
                },
            }
            for s in shot.subjects
        ],
        "settings": {
            "range": None if settings.range is None else [settings.range.first, settings.range.last],
            "direction": settings.direction.value,
            "checkpoint": settings.checkpoint,
            "policy": settings.policy,
            "input_transform": settings.input_transform,
            "format": settings.format.value,
            "first_number": settings.first_number,
        },
    }


def matte_to_dict(settings: MatteSettings) -> Json:
    """All fields by name, as JSON holds them."""
    return {name: plain(getattr(settings, name)) for name in MATTE_SETTINGS}


def shot_from_dict(data: object, path: Path | None = None) -> Shot:
    """The shot that plain data describes; raises ShotTooNew, ShotUnreadable and what Shot raises."""
    reader = _Reader(path)
    root = reader.mapping(data, "shot")
    version = reader.whole(root, "version", "shot")
    if version > VERSION:
        raise ShotTooNew(version, VERSION)
    while version < VERSION:
        if version not in UPGRADES:
            raise ShotUnreadable(path, "version", f"{version} is not a version of a shot")
        root = UPGRADES[version](root)
        version += 1
    try:
        return reader.shot(root)
    except RotopointError:
        raise
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise ShotUnreadable(path, "shot", str(error)) from error


def revision(shot: Shot) -> str:
    """A hash of all that is asked; equal shots have equal revisions, whatever the order of clicks."""
    text = json.dumps(shot_to_dict(shot), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:32]


def save_shot(shot: Shot, path: Path) -> None:
    """Write a shot as UTF-8 JSON, in one step: the file is whole, or what stood there before stays.

    Raises OutputUnwritable.
    """
    text = json.dumps(shot_to_dict(shot), indent=1, ensure_ascii=False) + "\n"
    # A name that is not UTF-8 on disk has lone surrogates in Python, which JSON holds as escapes alone.
    escaped = LONE_SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    write_whole(path.resolve() if path.is_symlink() else path, escaped.encode("utf-8"), lasting=True)


def load_shot(path: Path) -> Shot:
    """Read a shot; relative paths in it are relative to its folder."""
    try:
        require_regular_file(path)
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ShotUnreadable(path, "file", "it does not exist") from error
    except OSError as error:
        raise ShotUnreadable(path, "file", (error.strerror or str(error)).lower()) from error
    except json.JSONDecodeError as error:
        raise ShotUnreadable(path, f"line {error.lineno}", error.msg) from error
    except RecursionError as error:
        raise ShotUnreadable(path, "file", "it is nested too deeply") from error
    except ValueError as error:
        # No UTF-8, or a number of thousands of digits.
        raise ShotUnreadable(path, "file", str(error)) from error
    return resolve_paths(shot_from_dict(data, path), path.parent)


def resolve_paths(shot: Shot, folder: Path) -> Shot:
    """The same shot with its relative paths taken from `folder`."""

    return map_paths(shot, lambda path: str(folder / path))


def map_paths(shot: Shot, change: Callable[[str], str]) -> Shot:
    """The same shot with each path of a file in it changed; names of checkpoints and transforms stay."""

    def changed_setting(text: str) -> str:
        return change(text) if _is_file(text) else text

    def changed(prompt: Prompt) -> Prompt:
        return replace(prompt, path=change(prompt.path)) if isinstance(prompt, Mask) else prompt

    def changed_drawn(masks: Iterable[DrawnMask]) -> tuple[DrawnMask, ...]:
        return tuple(replace(mask, path=change(mask.path)) for mask in masks)

    return replace(
        shot,
        clip=replace(shot.clip, path=change(shot.clip.path)),
        subjects=tuple(
            replace(
                s,
                prompts=tuple(changed(p) for p in s.prompts),
                approved=tuple(replace(a, path=change(a.path)) for a in s.approved),
                combine=replace(
                    s.combine,
                    garbage=changed_drawn(s.combine.garbage),
                    hold_in=changed_drawn(s.combine.hold_in),
                ),
            )
            for s in shot.subjects
        ),
        settings=replace(
            shot.settings,
            checkpoint=changed_setting(shot.settings.checkpoint),
            input_transform=changed_setting(shot.settings.input_transform),
        ),
    )


def _is_file(text: str) -> bool:
    """Whether a setting that names a checkpoint or a transform names a file of it."""
    return Path(text).name != text or Path(text).suffix.lower() in FILE_SUFFIXES


def _drawn_to_dict(mask: DrawnMask) -> Json:
    frames = None if mask.frames is None else [mask.frames.first, mask.frames.last]
    return {"path": mask.path, "frames": frames}


def _prompt_to_dict(prompt: Prompt) -> Json:
    match prompt:
        case Point(frame, x, y, positive, candidate):
            chosen = {"candidate": candidate} if candidate else {}
            return {"kind": "point", "frame": frame, "x": x, "y": y, "positive": positive} | chosen
        case Box(frame, x0, y0, x1, y1):
            return {"kind": "box", "frame": frame, "x0": x0, "y0": y0, "x1": x1, "y1": y1}
        case Mask(frame, path, label):
            asked = {} if label is None else {"label": label}
            return {"kind": "mask", "frame": frame, "path": path} | asked


def _shown(value: object) -> str:
    """A value in a complaint; lists and objects may be of any size."""
    return repr(value)[:80] if isinstance(value, (str, float, int, type(None))) else type(value).__name__


class _Reader:
    """Reads plain data with the place named in each complaint."""

    def __init__(self, path: Path | None) -> None:
        self.path = path

    def fault(self, where: str, reason: str) -> ShotUnreadable:
        return ShotUnreadable(self.path, where, reason)

    def mapping(self, data: object, where: str) -> Json:
        if not isinstance(data, dict):
            raise self.fault(where, "expected an object")
        return data

    def sequence(self, data: Json, key: str, where: str) -> list[Any]:
        value = data.get(key, [])
        if not isinstance(value, list):
            raise self.fault(f"{where}.{key}", "expected a list")
        return value

    def path_text(self, data: Json, where: str, key: str = "path", default: str | None = None) -> str:
        value = self.text(data, key, where, default)
        if fault := path_fault(value):
            raise self.fault(f"{where}.{key}", fault)
        return value

    def identifier(self, data: Json, where: str) -> str:
        value = self.text(data, "id", where)
        if len(value) > LONGEST_ID or not value.isprintable():
            raise self.fault(f"{where}.id", f"expected up to {LONGEST_ID} printable characters")
        return value

    def text(self, data: Json, key: str, where: str, default: str | None = None) -> str:
        value = data.get(key, default)
        if not isinstance(value, str):
            raise self.fault(f"{where}.{key}", "expected a text")
        return value

    def whole(self, data: Json, key: str, where: str) -> int:
        value = data.get(key)
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.fault(f"{where}.{key}", "expected a whole number")
        return self.limited(value, f"{where}.{key}")

    def limited(self, value: int, where: str) -> int:
        if abs(value) > LARGEST_WHOLE:
            raise self.fault(where, f"expected a whole number of at most {LARGEST_WHOLE}")
        return value

    def maybe_whole(self, data: Json, key: str, where: str) -> int | None:
        return None if data.get(key) is None else self.whole(data, key, where)

    def real(self, value: object, where: str) -> float:
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            raise self.fault(where, "expected a finite number")
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise self.fault(where, "expected a finite number")
        return number

    def flag(self, data: Json, key: str, where: str, default: bool) -> bool:
        value = data.get(key, default)
        if not isinstance(value, bool):
            raise self.fault(f"{where}.{key}", "expected true or false")
        return value

    def choice(self, kind: type[_E], data: Json, key: str, where: str, default: _E) -> _E:
        value = data.get(key, default.value)
        try:
            return kind(value)
        except ValueError:
            known = ", ".join(str(k.value) for k in kind)
            raise self.fault(f"{where}.{key}", f"{_shown(value)} is none of {known}") from None

    def shot(self, root: Json) -> Shot:
        clip = self.mapping(root.get("clip"), "clip")
        size = clip.get("size")
        if size is not None and not (
            isinstance(size, list)
            and len(size) == 2
            and all(type(n) is int and 0 < n <= LARGEST_WHOLE for n in size)
        ):
            raise self.fault("clip.size", "expected [width, height]")
        return Shot(
            ClipReference(
                path=self.path_text(clip, "clip"),
                missing=self.choice(Missing, clip, "missing", "clip", Missing.ERROR),
                frame_count=self.maybe_whole(clip, "frame_count", "clip"),
                size=None if size is None else (size[0], size[1]),
                honors_rotation=self.flag(clip, "honors_rotation", "clip", True),
                layer=self.text(clip, "layer", "clip", ""),
            ),
            tuple(
                self.subject(self.mapping(s, f"subjects[{n}]"), f"subjects[{n}]")
                for n, s in enumerate(self.sequence(root, "subjects", "shot"))
            ),
            self.settings(self.mapping(root.get("settings", {}), "settings")),
        )

    def subject(self, data: Json, where: str) -> Subject:
        color = self.sequence(data, "color", where) or list(Subject.color)
        if len(color) != 3:
            raise self.fault(f"{where}.color", "expected three numbers")
        r, g, b = (self.real(c, f"{where}.color") for c in color)
        return Subject(
            id=self.identifier(data, where),
            name=self.text(data, "name", where),
            color=(r, g, b),
            prompts=tuple(
                self.prompt(self.mapping(p, f"{where}.prompts[{n}]"), f"{where}.prompts[{n}]")
                for n, p in enumerate(self.sequence(data, "prompts", where))
            ),
            absent=tuple(
                self.frame_range(frames, f"{where}.absent[{n}]")
                for n, frames in enumerate(self.sequence(data, "absent", where))
            ),
            approved=tuple(
                self.approved(self.mapping(a, f"{where}.approved[{n}]"), f"{where}.approved[{n}]")
                for n, a in enumerate(self.sequence(data, "approved", where))
            ),
            follow=self.flag(data, "follow", where, False),
            matte=self.matte(self.mapping(data.get("matte", {}), f"{where}.matte"), f"{where}.matte"),
            overrides=tuple(
                self.override(self.mapping(o, f"{where}.overrides[{n}]"), f"{where}.overrides[{n}]")
                for n, o in enumerate(self.sequence(data, "overrides", where))
            ),
            combine=self.combination(
                self.mapping(data.get("combine", {}), f"{where}.combine"), f"{where}.combine"
            ),
        )

    def combination(self, data: Json, where: str) -> Combination:
        return Combination(
            self.texts(data, "united", where),
            self.texts(data, "subtracted", where),
            self.drawn(data, "garbage", where),
            self.drawn(data, "hold_in", where),
        )

    def texts(self, data: Json, key: str, where: str) -> tuple[str, ...]:
        values = self.sequence(data, key, where)
        if not all(isinstance(value, str) for value in values):
            raise self.fault(f"{where}.{key}", "expected a list of texts")
        return tuple(values)

    def drawn(self, data: Json, key: str, where: str) -> tuple[DrawnMask, ...]:
        found = []
        for n, value in enumerate(self.sequence(data, key, where)):
            at = f"{where}.{key}[{n}]"
            mask = self.mapping(value, at)
            frames = mask.get("frames")
            limits = None if frames is None else self.frame_range(frames, f"{at}.frames")
            found.append(DrawnMask(self.path_text(mask, at), limits))
        return tuple(found)

    def matte(self, data: Json, where: str) -> MatteSettings:
        given = {
            name: self.setting(described, data[name], f"{where}.{name}")
            for name, described in MATTE_SETTINGS.items()
            if name in data
        }
        return MatteSettings(**given)  # type: ignore[arg-type]

    def override(self, data: Json, where: str) -> MatteOverride:
        name = self.text(data, "setting", where)
        if name not in MATTE_SETTINGS:
            raise self.fault(f"{where}.setting", f"{_shown(name)} is none of {', '.join(MATTE_SETTINGS)}")
        value = self.setting(MATTE_SETTINGS[name], data.get("value"), f"{where}.value")
        return MatteOverride(self.frame_range(data.get("frames"), f"{where}.frames"), name, value)

    def setting(self, described: Setting, value: object, where: str) -> Value:
        try:
            return described.checked(value)
        except SettingUnusable as error:
            raise self.fault(where, f"{error.value}: expected {error.expected}") from None

    def approved(self, data: Json, where: str) -> Approved:
        frame = ClipFrame(self.whole(data, "frame", where))
        sha256 = self.text(data, "sha256", where)
        if re.fullmatch("[0-9a-f]{64}", sha256) is None:
            raise self.fault(f"{where}.sha256", "expected 64 hex digits in lower case")
        return Approved(frame, self.path_text(data, where), sha256)

    def frame_range(self, data: object, where: str) -> FrameRange:
        if not (isinstance(data, list) and len(data) == 2 and all(type(n) is int for n in data)):
            raise self.fault(where, "expected [first, last]")
        first, last = (self.limited(number, where) for number in data)
        return FrameRange(ClipFrame(first), ClipFrame(last))

    def prompt(self, data: Json, where: str) -> Prompt:
        frame = ClipFrame(self.whole(data, "frame", where))

        def number(key: str) -> float:
            return self.real(data.get(key), f"{where}.{key}")

        match data.get("kind"):
            case "point":
                positive = self.flag(data, "positive", where, True)
                return Point(frame, number("x"), number("y"), positive, self.candidate(data, where))
            case "box":
                return Box(frame, number("x0"), number("y0"), number("x1"), number("y1"))
            case "mask":
                return Mask(frame, self.path_text(data, where), self.maybe_whole(data, "label", where))
            case other:
                raise self.fault(f"{where}.kind", f"{_shown(other)} is none of point, box, mask")

    def candidate(self, data: Json, where: str) -> int:
        value = self.whole(data, "candidate", where) if "candidate" in data else 0
        if not 0 <= value <= CANDIDATES:
            raise self.fault(f"{where}.candidate", f"expected 0 to {CANDIDATES}")
        return value

    def settings(self, data: Json) -> Settings:
        default = Settings()
        limits = data.get("range")
        return Settings(
            range=None if limits is None else self.frame_range(limits, "settings.range"),
            direction=self.choice(Direction, data, "direction", "settings", default.direction),
            checkpoint=self.path_text(data, "settings", "checkpoint", default.checkpoint),
            policy=self.text(data, "policy", "settings", default.policy),
            input_transform=self.path_text(data, "settings", "input_transform", default.input_transform),
            format=self.choice(MatteFormat, data, "format", "settings", default.format),
            first_number=self.maybe_whole(data, "first_number", "settings"),
        )
