# SPDX-License-Identifier: GPL-3.0-or-later
"""A worker on another machine: the same files have other paths there.

What goes out names files as they are called there, what comes back as they are called here. Nothing else
differs: a shot's revision is that of the shot as it is asked here.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TypeVar

from rotopoint import __version__
from rotopoint.events import ErrorEvent, Event, FrameEvent
from rotopoint.shot.json import map_paths, revision, shot_from_dict, shot_to_dict
from rotopoint.worker.protocol import Request

MOST_REVISIONS = 1024
"""Of the shots sent last; answers to older ones are drawn by nobody."""

EventT = TypeVar("EventT", bound=Event)


@dataclass(frozen=True)
class PathPair:
    """One folder, as this machine calls it and as the other one does."""

    here: str
    there: str

    def swapped(self) -> PathPair:
        return PathPair(self.there, self.here)


class PathMapping:
    """Paths of this machine as those of another one, and back. Where several folders hold a path, the
    innermost counts; what none holds is called the same on both. Pairs that lack a side count for nothing.
    """

    def __init__(self, pairs: Iterable[PathPair] = ()) -> None:
        whole = [pair for pair in pairs if pair.here.strip() and pair.there.strip()]
        self._out = sorted(whole, key=lambda pair: -len(_bare(pair.here)))
        self._back = sorted((p.swapped() for p in whole), key=lambda pair: -len(_bare(pair.here)))

    def __bool__(self) -> bool:
        return bool(self._out)

    def there(self, path: str) -> str:
        """How the other machine calls a path of this one."""
        return _carried(path, self._out)

    def here(self, path: str) -> str:
        """How this machine calls a path of the other one."""
        return _carried(path, self._back)

    def told_here(self, text: str) -> str:
        """A message for people, with the other machine's folders as this one calls them."""
        for pair in self._back:
            text = text.replace(_bare(pair.here), _bare(pair.there))
        return text


def _bare(folder: str) -> str:
    """A folder without the separator at its end, which a drive or a root keeps."""
    stripped = folder.strip()
    return stripped.rstrip("\\/") or stripped


def _is_windows(folder: str) -> bool:
    return re.match(r"[A-Za-z]:|\\\\", folder.strip()) is not None


def _parts(path: str, windows: bool) -> list[str]:
    """Windows takes both separators, and tells no upper case from lower."""
    return re.split(r"[\\/]", path.casefold()) if windows else path.split("/")


def _carried(path: str, pairs: Iterable[PathPair]) -> str:
    for pair in pairs:
        windows, folder = _is_windows(pair.here), _bare(pair.here)
        held, begin = _parts(path, windows), _parts(folder, windows)
        if begin == [""] * len(begin):
            begin = [""]
        if held[: len(begin)] != begin:
            continue
        rest = (re.split(r"[\\/]", path) if windows else path.split("/"))[len(begin) :]
        separator = "\\" if _is_windows(pair.there) else "/"
        there = _bare(pair.there)
        return separator.join([there.rstrip("/") if rest else there, *rest])
    return path


def other_version(theirs: str, ours: str = __version__) -> str | None:
    """What to do about a worker whose package is of another version, in a line; None where it is of the same.

    They understand each other as long as their protocols are the same.
    """
    if theirs == ours:
        return None
    return (
        f"The engine is Rotopoint {theirs}, and this is {ours}: mattes may come out otherwise. Install "
        f"{ours} where the engine runs"
    )


class Translator:
    """Takes requests to a worker elsewhere, and its events back."""

    def __init__(self, paths: PathMapping) -> None:
        self._paths = paths
        self._ours: dict[str, str] = {}

    def sent(self, request: Request) -> Request:
        """A request with its paths as they are called there. Raises ShotUnreadable."""
        changed: dict[str, object] = {}
        fields = {f.name for f in dataclasses.fields(request)}
        if "shot" in fields:
            shot = shot_from_dict(request.shot)  # type: ignore[union-attr]
            theirs = map_paths(shot, self._paths.there)
            self._remember(revision(theirs), revision(shot))
            changed["shot"] = shot_to_dict(theirs)
        folder = getattr(request, "folder", None)
        if isinstance(folder, str):
            changed["folder"] = self._paths.there(folder)
        return replace(request, **changed)  # type: ignore[arg-type]

    def received(self, event: EventT) -> EventT:
        """An event with its paths and revision as they are here."""
        changed: dict[str, object] = {}
        theirs = getattr(event, "revision", None)
        if theirs is not None:
            changed["revision"] = self._ours.get(theirs, theirs)
        if isinstance(event, FrameEvent) and event.file is not None:
            changed["file"] = self._paths.here(event.file)
        if isinstance(event, ErrorEvent):
            changed["message"] = self._paths.told_here(event.message)
        return replace(event, **changed)  # type: ignore[arg-type]

    def _remember(self, theirs: str, ours: str) -> None:
        # The one that was sent last is the last to go.
        self._ours.pop(theirs, None)
        self._ours[theirs] = ours
        while len(self._ours) > MOST_REVISIONS:
            del self._ours[next(iter(self._ours))]
