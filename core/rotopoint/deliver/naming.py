# SPDX-License-Identifier: GPL-3.0-or-later
"""How delivered files are called, and which files of a folder are called so."""

from __future__ import annotations

import unicodedata
from pathlib import Path

from rotopoint.clip.sequence import NumberedFile, sequence_from
from rotopoint.errors import FileNumberNegative
from rotopoint.shot import MatteFormat
from rotopoint.shot.frames import FileNumber

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


def record_path(folder: Path, clip: str) -> Path:
    """The file in a folder of mattes that says what each was made of: `{clip}.mattes.json`."""
    return folder / f"{clip}.mattes.json"


def matte_name(clip: str, subject: str, number: FileNumber, format: MatteFormat) -> str:
    """`{clip}_{subject}_matte.{number}.{ext}`, the number with four digits or as many as it needs.

    `clip` is the clip's name without folder and extension, `subject` the subject's name, both kept as
    they are. Raises FileNumberNegative: a minus sign breaks the file numbers of every reader.
    """
    if number < 0:
        raise FileNumberNegative(number)
    return f"{clip}_{subject}_matte.{number:04d}.{EXTENSIONS[format]}"


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
