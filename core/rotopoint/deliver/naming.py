# SPDX-License-Identifier: GPL-3.0-or-later
"""How delivered files are called, and which files of a folder are called so."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from rotopoint.clip.sequence import NumberedFile, sequence_from
from rotopoint.errors import FileNumberNegative, NameTemplateUnusable
from rotopoint.shot import MatteFormat
from rotopoint.shot.frames import FileNumber
from rotopoint.shot.names import FORBIDDEN

MATTE = "matte"
"""What {pass} is in the name of a matte."""

CUT_OUT = "cutout"
"""And in that of a subject's own color."""

TOKENS = ("clip", "subject", "pass", "version", "number")

MOST_DIGITS = 10

EXTENSIONS = {MatteFormat.PNG8: "png", MatteFormat.PNG: "png", MatteFormat.EXR: "exr"}


def clip_naming(file: Path, *, is_sequence: bool) -> tuple[str, FileNumber]:
    """A clip's part of the names of files that are made from it, and the file number of its frame 1.

    `file` is its video, or its first image. Raises what `sequence_from` raises.
    """
    if not is_sequence:
        return file.stem, FileNumber(1)
    sequence = sequence_from(file)
    return sequence.name, FileNumber(sequence.first.number)


def shot_path(folder: Path, clip: str) -> Path:
    """The file in a folder of mattes that says what was asked: `{clip}.shot.json`."""
    return folder / f"{clip}.shot.json"


def delivery_path(folder: Path, clip: str, part: str, version: int) -> Path:
    """The file that says what a delivery under way is of: `{clip}_{pass}_{version}.delivery.json`."""
    return folder / f"{clip}_{part}_v{version:03d}.delivery.json"


def record_path(folder: Path, clip: str) -> Path:
    """The file in a folder of mattes that says what each was made of: `{clip}.mattes.json`."""
    return folder / f"{clip}.mattes.json"


def standing_path(folder: Path, clip: str) -> Path:
    """The file in a folder of mattes that says how surely each was tracked: `{clip}.standing.json`."""
    return folder / f"{clip}.standing.json"


@dataclass(frozen=True)
class NameTemplate:
    """How files of one kind are called: text with the tokens {clip}, {subject}, {pass}, {version}, {number}.

    `padding` is how many digits a number has at least. Where a file is of all subjects, or of all frames,
    {subject} or {number} goes with the sign before it. Raises NameTemplateUnusable.
    """

    text: str = "{clip}_{subject}_{pass}.{number}"
    padding: int = 4

    def __post_init__(self) -> None:
        unknown = sorted(set(re.findall(r"\{(.*?)\}", self.text)) - set(TOKENS))
        if unknown:
            raise NameTemplateUnusable(self.text, f"{{{unknown[0]}}} is none of {', '.join(TOKENS)}")
        rest = re.sub(r"\{.*?\}", "", self.text)
        if found := sorted((FORBIDDEN | set("{}")) & set(rest)):
            raise NameTemplateUnusable(self.text, f"a file's name must not contain {' '.join(found)}")
        if "{number}" not in self.text:
            raise NameTemplateUnusable(self.text, "without {number} all frames would be one file")
        if not 1 <= self.padding <= MOST_DIGITS:
            raise NameTemplateUnusable(self.text, f"numbers have 1 to {MOST_DIGITS} digits at least")

    @property
    def has_version(self) -> bool:
        return "{version}" in self.text

    def name(self, clip: str, subject: str | None, part: str, number: FileNumber | None, version: int) -> str:
        """Without extension. `subject` is None where a file is of all, `number` where it has all frames.

        Names are kept as they are. Raises FileNumberNegative: a minus sign breaks the file numbers of
        every reader.
        """
        if number is not None and number < 0:
            raise FileNumberNegative(number)
        said = {
            "clip": clip,
            "subject": subject,
            "pass": part,
            "version": f"v{version:03d}",
            "number": None if number is None else f"{number:0{self.padding}d}",
        }
        return self._filled(said, str)

    def latest_version(self, stems: Iterable[str], clip: str, subject: str | None, part: str) -> int:
        """The highest version that one of these file names, less their extensions, has; 0 where none has."""
        said = {
            "clip": _escaped(clip),
            "subject": None if subject is None else _escaped(subject),
            "pass": _escaped(part),
            "version": r"v(\d+)",
            "number": r"\d+",
        }
        pattern = re.compile(self._filled(said, _escaped))
        plain = re.compile(self._filled({**said, "number": None}, _escaped))
        names = [unicodedata.normalize("NFC", stem) for stem in stems]
        found = (pattern.fullmatch(name) or plain.fullmatch(name) for name in names)
        return max((int(match[1]) for match in found if match), default=0)

    def _filled(self, said: Mapping[str, str | None], literal: Callable[[str], str]) -> str:
        """The text with its tokens as they are said; one that is None goes with the sign before it, and at
        the start with the one behind it."""
        filled, begun = "", True
        for between, sign, token in re.findall(r"(.*?)(?:([._ -]?)\{(.*?)\}|$)", self.text):
            filled += literal(between)
            if token and said[token] is None:
                begun = filled != ""
            elif token:
                filled += (literal(sign) if begun else "") + str(said[token])
                begun = True
        return filled


USUAL = NameTemplate()
"""How mattes are called that are written as they are tracked: the add-on looks for these."""


def matte_name(clip: str, subject: str, number: FileNumber, format: MatteFormat) -> str:
    """`{clip}_{subject}_matte.{number}.{ext}`, the number with four digits or as many as it needs.

    `clip` is the clip's name without folder and extension, `subject` the subject's name, both kept as
    they are. Raises FileNumberNegative: a minus sign breaks the file numbers of every reader.
    """
    return f"{USUAL.name(clip, subject, MATTE, number, 1)}.{EXTENSIONS[format]}"


def matte_path(folder: Path, clip: str, subject: str, number: FileNumber, format: MatteFormat) -> Path:
    """The matte's file in `folder`; see `matte_name`."""
    return folder / matte_name(clip, subject, number, format)


def find_mattes(folder: Path, clip: str, subject: str, format: MatteFormat) -> dict[FileNumber, Path]:
    """A subject's mattes that lie in `folder`, by file number: those that `matte_name` gives a name to.

    Empty where there is no such folder. Raises OSError where it cannot be read.
    """
    found = {}
    for path in folder.iterdir() if folder.is_dir() else ():
        # Some file systems keep accents as characters of their own.
        name = unicodedata.normalize("NFC", path.name)
        digits = name.rpartition(".")[0].rpartition(".")[2]
        if not (digits.isascii() and digits.isdigit()):
            continue
        number = FileNumber(int(digits))
        if name == unicodedata.normalize("NFC", matte_name(clip, subject, number, format)):
            found[number] = path
    return found


def is_matte_of(name: str, subject: str) -> bool:
    """Whether a file's name is that of a matte of the subject, whatever its clip and number."""
    stem = unicodedata.normalize("NFC", name).rpartition(".")[0].rpartition(".")[0]
    return stem.endswith(unicodedata.normalize("NFC", f"_{subject}_matte"))


def numbered(matte: Path, number: int) -> Path:
    """The file of another number beside a matte, whatever the mattes are called otherwise."""
    file = NumberedFile.of(matte)
    return matte.with_name(f"{file.before}{number:0{len(file.digits)}d}{file.after}{matte.suffix}")


def _escaped(text: str) -> str:
    return re.escape(unicodedata.normalize("NFC", text))
