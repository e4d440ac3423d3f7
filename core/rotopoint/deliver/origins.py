# SPDX-License-Identifier: GPL-3.0-or-later
"""What the mattes in a folder were made of: a record beside them, so that others are not taken for them.

An origin is a hash of all that has influence on a matte. Standard library only, so that it runs inside of
Blender.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from itertools import groupby
from pathlib import Path

from rotopoint.clip.drawn_files import drawn_files
from rotopoint.deliver.naming import record_path
from rotopoint.errors import MaskUnreadable, OutputUnwritable
from rotopoint.shot import DrawnMask, Mask, MatteSettings, Prompt, Settings, Subject
from rotopoint.shot.frames import ClipFrame, FileNumber
from rotopoint.shot.matte_settings import MATTE_SETTINGS
from rotopoint.shot.setting import plain
from rotopoint.whole_files import write_whole

VERSION = 1

END_BYTES = 64 << 10
"""Of a clip's file, this much of its head and of its tail tells it from others."""

MOST_NUMBERS = 10_000_000

EMPTY = "empty"
"""The origin of mattes on frames that tracking does not reach."""

Origins = Mapping[str, Mapping[int, str]]
"""By subject name and by file number."""


@dataclass(frozen=True)
class Asker:
    """Who had the mattes of a folder made: a document (a .blend) and its clip. Empty: nobody known.

    `document` is relative to the folder where that is possible, so that both can be moved together.
    """

    document: str = ""
    clip: str = ""


@dataclass(frozen=True)
class MatteRecord:
    """What is known of the mattes in a folder. Subject names are in lower case, as file systems may be."""

    origins: Origins
    asker: Asker = Asker()

    def of(self, subject: str) -> Mapping[int, str]:
        """The origins of a subject's mattes by file number; those of unknown origin are not there."""
        return self.origins.get(subject.casefold(), {})


def origin_of(
    subject: Subject,
    settings: Settings,
    clip: Path,
    first_number: FileNumber,
    matte: MatteSettings | None = None,
) -> str:
    """A hash of what a subject's mattes are made of where they are tracked.

    `clip` is its video or first image, `first_number` the file number of clip frame 1. Files count by name
    and content, wherever they lie; of the clip and the checkpoint not all is read. Names, colors and the
    range have no influence on a matte. `matte` is how those of some frames are made; None: as most are.
    """
    content = {
        "clip": ends_of(clip),
        "prompts": [content_of_prompt(prompt) for prompt in subject.prompts],
        "absent": [(frames.first, frames.last) for frames in subject.absent],
        "follow": subject.follow,
        "checkpoint": ends_of(Path(settings.checkpoint)),
        "policy": settings.policy,
        "input_transform": ends_of(Path(settings.input_transform)),
        "format": settings.format.value,
        "first_number": first_number,
        **_asked(subject.matte if matte is None else matte),
    }
    return _hashed(content)


def _hashed(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode("ascii")).hexdigest()[:32]


def due_origin(
    subject: Subject,
    settings: Settings,
    clip: Path,
    first_number: FileNumber,
    subjects: Iterable[Subject] = (),
) -> Callable[[int], str]:
    """The origin that the matte of a file number must have; arguments as in `origin_of`. `subjects` are those
    of the shot.

    Of an approved frame that is its content, and EMPTY where the direction does not reach. Where a matte is
    combined with others or with drawn masks, or exclusive, it has influence what those are made of.
    """
    others = {other.id: other for other in subjects if other.id != subject.id}

    @cache
    def origin(matte: MatteSettings) -> str:
        return origin_of(subject, settings, clip, first_number, matte)

    @cache
    def tracked(other: str, matte: MatteSettings) -> str:
        return origin_of(others[other], settings, clip, first_number, matte)

    def finished(ids: Iterable[str]) -> list[Callable[[int], str]]:
        # Without those that need it no chain of subjects comes back to where it began.
        found = (others[id] for id in ids if id in others)
        return [due_origin(o, settings, clip, first_number, others.values()) for o in found]

    combine = subject.combine
    mattes = {"united": finished(combine.united), "subtracted": finished(combine.subtracted)}
    drawn = {name: _contents(getattr(combine, name)) for name in ("garbage", "hold_in")}

    def beside(number: int, matte: MatteSettings) -> dict[str, list[str]]:
        """What has influence on a matte from outside of its subject."""
        frame = ClipFrame(number - first_number + 1)
        found = {name: sorted(due(number) for due in all_of) for name, all_of in mattes.items()}
        found |= {name: content(frame) for name, content in drawn.items()}
        if matte.exclusive:
            found["exclusive"] = sorted(tracked(o.id, o.settings_on(frame)) for o in others.values())
        return {name: values for name, values in found.items() if values}

    approved = {a.frame: a.sha256 for a in subject.approved}
    prompted = subject.prompted_frames

    def due(number: int) -> str:
        frame = ClipFrame(number - first_number + 1)
        if frame in approved:
            return approved[frame]
        if prompted and not settings.direction.reaches(frame, prompted):
            return EMPTY
        matte = subject.settings_on(frame)
        more = beside(number, matte)
        return _hashed([origin(matte), more]) if more else origin(matte)

    return due


def _contents(masks: Iterable[DrawnMask]) -> Callable[[ClipFrame], list[str]]:
    """What drawn masks hold on a clip frame, wherever they lie: the content of each file, empty of one that
    cannot be read."""
    found = [_content(mask) for mask in masks]
    return lambda frame: sorted(held for content in found if (held := content(frame)) is not None)


def _content(mask: DrawnMask) -> Callable[[ClipFrame], str | None]:
    """None where the mask says nothing of a frame."""
    try:
        file = drawn_files(mask)
    except MaskUnreadable:
        return lambda frame: "" if mask.is_on(frame) else None

    def content(frame: ClipFrame) -> str | None:
        path = file(frame)
        return None if path is None else content_of(path) or ""

    return content


def read_record(folder: Path, clip: str) -> MatteRecord | None:
    """What is known of the mattes of a clip in a folder; None where there is no record that can be read.

    Read once for each state of the file.
    """
    path = record_path(folder, clip)
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return _read_once(path, (status.st_mtime_ns, status.st_size, status.st_ino))


def write_record(folder: Path, clip: str, record: MatteRecord) -> None:
    """Raises OutputUnwritable."""
    subjects = {
        name: [[origin, first, last] for origin, first, last in _runs(known)]
        for name, known in sorted(record.origins.items())
        if known
    }
    asker = {"document": record.asker.document, "clip": record.asker.clip}
    content = {"version": VERSION, "asker": asker, "subjects": subjects}
    write_whole(record_path(folder, clip), (json.dumps(content, indent=1) + "\n").encode("ascii"))


@contextmanager
def noting(folder: Path, clip: str, due: Origins) -> Iterator[Callable[[str, int], None]]:
    """Keep the record while mattes that are due, by subject name and file number, are written over others.

    What is given is told the subject and number of each that was written, on any thread. Until the end the
    record says nothing of those that replace mattes of another origin, so it is true whenever work breaks
    off. Raises OutputUnwritable before anything is replaced.
    """
    wanted = {name.casefold(): origins for name, origins in due.items()}
    record = _read(record_path(folder, clip)) or MatteRecord({})
    kept = {
        name: {n: o for n, o in known.items() if wanted.get(name, {}).get(n, o) == o}
        for name, known in record.origins.items()
    }
    write_record(folder, clip, replace(record, origins=kept))
    written: set[tuple[str, int]] = set()
    try:
        yield lambda subject, number: written.add((subject.casefold(), number))
    finally:
        # Others may have noted something meanwhile.
        record = _read(record_path(folder, clip)) or MatteRecord({})
        known = {name: dict(origins) for name, origins in record.origins.items()}
        for name, number in written:
            origin = wanted[name][number]
            if known.setdefault(name, {}).setdefault(number, origin) != origin:
                # Two have written it side by side, and nobody knows who was last.
                del known[name][number]
        # What ends the work says more than that this could not be noted.
        with suppress(OutputUnwritable):
            write_record(folder, clip, replace(record, origins=known))


def content_of(file: Path) -> str | None:
    """SHA-256 of a file in hex, read once for each state of it; None where it cannot be read."""
    try:
        status = file.stat()
        return _digest(file, status.st_mtime_ns, status.st_size, None)
    except (OSError, ValueError):
        return None


def content_of_prompt(prompt: Prompt) -> list[object]:
    """What a prompt asks, as JSON has it; a mask counts by its file's content."""
    if isinstance(prompt, Mask):
        label = [] if prompt.label is None else [prompt.label]
        return ["mask", prompt.frame, content_of(Path(prompt.path)), *label]
    return [type(prompt).__name__, *vars(prompt).values()]


def ends_of(file: Path) -> list[object]:
    """Name, size and both ends of a file; the name alone of what is none, such as a registered checkpoint."""
    if not file.is_absolute():
        return [file.name]
    try:
        status = file.stat()
        digest = _digest(file, status.st_mtime_ns, status.st_size, END_BYTES)
    except (OSError, ValueError):
        return [file.name]
    return [file.name, status.st_size, digest]


def _asked(settings: MatteSettings) -> dict[str, object]:
    """What settings ask for; what has none of a field that asks for nothing is as old mattes are."""
    values = {name: getattr(settings, name) for name in MATTE_SETTINGS}
    return {name: plain(v) for name, v in values.items() if v != MATTE_SETTINGS[name].neutral}


@lru_cache(maxsize=16384)
def _digest(file: Path, _changed: int, size: int, end: int | None) -> str:
    """Of all of it, or of its head and tail. Raises OSError."""
    with file.open("rb") as stream:
        if end is None or size <= 2 * end:
            return hashlib.file_digest(stream, "sha256").hexdigest()
        digest = hashlib.sha256(stream.read(end))
        stream.seek(-end, 2)
        digest.update(stream.read(end))
        return digest.hexdigest()


@lru_cache(maxsize=16)
def _read_once(path: Path, _state: tuple[int, int, int]) -> MatteRecord | None:
    return _read(path)


def _read(path: Path) -> MatteRecord | None:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["version"] != VERSION:
            return None
        asker = Asker(str(data["asker"]["document"]), str(data["asker"]["clip"]))
        origins = {str(name): dict(_numbered(runs)) for name, runs in data["subjects"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return MatteRecord(origins, asker)


def _numbered(runs: Iterable[tuple[str, int, int]]) -> Iterator[tuple[int, str]]:
    for origin, first, last in runs:
        if last - first > MOST_NUMBERS:
            raise ValueError("no clip is as long")
        yield from ((number, str(origin)) for number in range(first, last + 1))


def _runs(known: Mapping[int, str]) -> Iterator[tuple[str, int, int]]:
    """Numbers without a gap that have one origin: the origin, the first and the last."""
    numbers = sorted(known)
    alike = groupby(range(len(numbers)), key=lambda n: (known[numbers[n]], numbers[n] - n))
    for (origin, _), run in alike:
        members = [numbers[n] for n in run]
        yield origin, members[0], members[-1]
