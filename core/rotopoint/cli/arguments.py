# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line's words, and the shot that they ask for."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any

from rotopoint import __version__
from rotopoint.cores import most_threads
from rotopoint.deliver.deliverable import Colors, Compression, Options
from rotopoint.deliver.kinds import Kind
from rotopoint.deliver.naming import TOKENS, USUAL
from rotopoint.errors import OptionUnreadable
from rotopoint.shot import (
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
from rotopoint.shot.json import load_shot
from rotopoint.shot.matte_settings import MATTE_SETTINGS, matte_setting
from rotopoint.shot.prompts import CANDIDATES
from rotopoint.shot.setting import Value
from rotopoint.tracking.limits import MIB, ONE_PASS, VARIABLES, mebibytes
from rotopoint.tracking.precision import PRECISION_NAMES
from rotopoint.tracking.runtimes import RUNTIME_NAMES, RUNTIME_VARIABLE

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


class _AddSubject(argparse.Action):
    def __call__(self, parser: Any, namespace: Any, values: Any, option: str | None = None) -> None:
        namespace.subjects = [*(namespace.subjects or []), SubjectArguments(values)]


class _AddPrompt(argparse.Action):
    """Reads a prompt; it belongs to the `--subject` before it."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option: str | None = None) -> None:
        readers: dict[str, Callable[[str], Prompt]] = {
            "--point": read_point,
            "--box": read_box,
            "--mask": read_mask,
        }
        _last_subject(namespace, option, values).prompts.append(readers[str(option)](values))


class _Follow(argparse.Action):
    """Belongs to the `--subject` before it."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option: str | None = None) -> None:
        _last_subject(namespace, option, "").follow = True


class _Set(argparse.Action):
    """Reads a setting of the mattes of the `--subject` before it, of all frames or of some."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option: str | None = None) -> None:
        subject = _last_subject(namespace, option, values)
        frames, name, value = read_set(values)
        if frames is None:
            subject.matte[name] = value
        else:
            subject.overrides.append(MatteOverride(frames, name, value))


class _Combine(argparse.Action):
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


class _AddAbsent(argparse.Action):
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


def _choices(kind: type[Enum]) -> list[str]:
    return [str(member.value) for member in kind]


def build_parser() -> argparse.ArgumentParser:
    """The command line as it stands in the README."""
    parser = argparse.ArgumentParser(prog="rotopoint", description="From points on a clip to mattes.")
    parser.add_argument("--version", action="version", version=f"rotopoint {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    track = commands.add_parser("track", help="track subjects through a clip and write their mattes")
    track.add_argument("clip", metavar="CLIP", help="video, folder, one image of a sequence, or SHOT.json")
    track.set_defaults(subjects=None)
    prompts = track.add_argument_group("prompts, each for the --subject before it")
    prompts.add_argument("--subject", action=_AddSubject, metavar="NAME")
    prompts.add_argument("--point", action=_AddPrompt, metavar="FRAME:X,Y[:neg|:mask1..3]")
    prompts.add_argument("--box", action=_AddPrompt, metavar="FRAME:X0,Y0,X1,Y1")
    prompts.add_argument("--mask", action=_AddPrompt, metavar="FRAME:FILE[#LABEL]")
    prompts.add_argument("--absent", action=_AddAbsent, metavar="A-B", help="frames where it is not there")
    prompts.add_argument(
        "--follow",
        action=_Follow,
        nargs=0,
        help="see a part of the plate alone that follows it: for small ones",
    )
    prompts.add_argument(
        "--set", action=_Set, metavar="[A-B:]NAME=VALUE", help="how its mattes are made, there or everywhere"
    )
    _add_combinations(prompts)
    asked = track.add_argument_group("what is asked (a SHOT.json says all this itself)")
    asked.add_argument("--range", metavar="A-B", help="clip frames, both included; default: all")
    asked.add_argument("--direction", choices=_choices(Direction))
    asked.add_argument(
        "--checkpoint", metavar="NAME|FILE", help="draft, tiny, small, base_plus, large or a file"
    )
    asked.add_argument("--policy", metavar="NAME", help="default, selective, forward or upstream")
    asked.add_argument("--missing", choices=_choices(Missing), help="what a gap in a sequence shows")
    asked.add_argument("--layer", metavar="NAME", help="of EXR with several; default: the one Blender shows")
    asked.add_argument("--input-transform", metavar="NAME", help="auto, srgb, linear or a .cube file")
    asked.add_argument("--format", choices=_choices(MatteFormat), help="png is 16-bit")
    asked.add_argument("--first-number", type=int, metavar="N", help="file number of clip frame 1, say 1001")
    _add_matte_settings(track)
    track.add_argument(
        "--overwrite", action="store_true", help="replace what lies in the folder of another clip"
    )
    _add_output(track)
    _add_running(track)

    deliver = commands.add_parser("deliver", help="write mattes again from the stored track")
    deliver.add_argument("clip", metavar="SHOT.json")
    deliver.set_defaults(subjects=None)
    combined = deliver.add_argument_group("beside what the shot says, each for the --subject before it")
    combined.add_argument("--subject", action=_AddSubject, metavar="NAME", help="one of the shot's")
    _add_combinations(combined)
    _add_matte_settings(deliver)
    deliver.add_argument("--format", choices=_choices(MatteFormat), help="of mattes; png is 16-bit")
    deliver.add_argument("--first-number", type=int, metavar="N")
    deliver.add_argument("--resume", action="store_true", help="go on with a delivery that broke off")
    files = deliver.add_argument_group("files")
    files.add_argument("--as", dest="kind", choices=_choices(Kind), default="mattes", help="kind of files")
    files.add_argument("--compression", choices=_choices(Compression), default="zip", help="of EXR")
    files.add_argument("--plate", action="store_true", help="put the plate into layered EXR")
    files.add_argument(
        "--colors",
        choices=_choices(Colors),
        default="linear",
        help="of cut-outs and plates: light, or values as the plate has them, such as log",
    )
    files.add_argument(
        "--tolerance",
        type=float,
        default=Options().tolerance,
        metavar="PX",
        help="how far outlines as splines may be off; default: %(default)s",
    )
    files.add_argument(
        "--frame-rate", type=float, metavar="N", help="of video; default: the clip's own, else 24"
    )
    files.add_argument(
        "--name", default=USUAL.text, metavar="TEXT", help=f"with the tokens {', '.join(TOKENS)} in braces"
    )
    files.add_argument("--padding", type=int, default=USUAL.padding, metavar="N", help="digits of numbers")
    files.add_argument(
        "--version",
        type=int,
        metavar="N",
        help="what {version} says; default: one more than is there",
    )
    deliver.add_argument("--overwrite", action="store_true", help="replace files that are there")
    _add_output(deliver)

    report = commands.add_parser("report", help="which tracked frames to look at: the least trusted first")
    report.add_argument("clip", metavar="SHOT.json")
    report.add_argument("--worst", type=read_worst, metavar="N", help="show N frames; default: all")
    report.add_argument(
        "--html", type=Path, metavar="FILE", help="one page: overlays, confidence, settings, delivered files"
    )
    report.add_argument(
        "--files",
        type=Path,
        action="append",
        metavar="DIR",
        help="for the page: folders of delivered files; default: the one of SHOT.json",
    )
    report.add_argument("--store", type=Path, metavar="DIR", help="folder of stored tracks")
    report.add_argument("--json", action="store_true")

    approve = commands.add_parser("approve", help="keep mattes of a shot whatever is asked later")
    approve.add_argument("clip", metavar="SHOT.json", help="is rewritten; the mattes are copied beside it")
    approve.add_argument("--subject", required=True, metavar="NAME")
    approve.add_argument("--range", required=True, metavar="A-B", help="clip frames, both included")
    approve.add_argument("--withdraw", action="store_true", help="let these frames follow the prompts again")
    approve.add_argument("--store", type=Path, metavar="DIR", help="folder of stored tracks")

    score = commands.add_parser("score", help="J, F and J&F of a folder of mattes, as DAVIS defines them")
    score.add_argument("mattes", type=Path)
    score.add_argument("truth", type=Path)
    score.add_argument("--json", action="store_true")

    checkpoints = commands.add_parser("checkpoints", help="list, download, verify and export checkpoints")
    checkpoints.add_argument("action", choices=["list", "get", "verify", "export"])
    checkpoints.add_argument("names", nargs="*", metavar="NAME")

    store = commands.add_parser("store", help="show or clear the stored tracks")
    store.add_argument("action", choices=["show", "clear"])
    store.add_argument("--store", type=Path, metavar="DIR")

    commands.add_parser("doctor", help="what is installed here, and what would be used")
    return parser


def _add_matte_settings(parser: argparse.ArgumentParser) -> None:
    mattes = parser.add_argument_group("how mattes are made, of all subjects")
    for described in MATTE_SETTINGS.values():
        unit = f" ({described.unit})" if described.unit else ""
        help = f"{described.help[0].lower()}{described.help[1:]}{unit}".replace("%", "%%")
        if described.kind is bool:
            mattes.add_argument(
                described.option, action=argparse.BooleanOptionalAction, default=None, help=help
            )
        elif issubclass(described.kind, Enum):
            mattes.add_argument(described.option, choices=_choices(described.kind), help=help)
        else:
            mattes.add_argument(described.option, type=described.kind, metavar="N", help=help)


def _add_combinations(group: argparse._ArgumentGroup) -> None:
    for option, metavar, help in (
        ("--unite", "NAME", "add another subject's matte to its own"),
        ("--subtract", "NAME", "take another subject's matte away from its own"),
        ("--garbage", "[A-B:]FILE|FOLDER", "take away what is white there: one image, or one a frame"),
        ("--hold-in", "[A-B:]FILE|FOLDER", "add what is white there, the same way"),
    ):
        group.add_argument(option, action=_Combine, metavar=metavar, help=help)


def _add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="DIR", help="folder of the mattes"
    )
    parser.add_argument("--store", type=Path, metavar="DIR", help="folder of stored tracks")
    parser.add_argument("--json", action="store_true", help="the worker's events on stdout")


def _add_running(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps; default: auto")
    parser.add_argument("--threads", type=read_threads, metavar="N", help="threads of the CPU")
    parser.add_argument(
        "--kernels",
        choices=PRECISION_NAMES,
        help="the model's precision; `rotopoint doctor` tells what is chosen",
    )
    parser.add_argument(
        "--runtime",
        choices=RUNTIME_NAMES,
        help=f"what runs the model; default: {RUNTIME_VARIABLE}, else torch where it is installed",
    )
    for where, usual, what in (
        ("memory", ONE_PASS.on_cpu, "in memory for features of pictures"),
        ("disk", ONE_PASS.disk, "on disk for those of the CPU that memory has none for"),
        ("gpu", ONE_PASS.gpu, "on a GPU for what it made, before it goes to memory"),
    ):
        option = f"--cache-{where}"
        parser.add_argument(
            option,
            type=partial(mebibytes, option),
            metavar="MIB",
            help=f"room {what}; default: {VARIABLES[where]}, else {usual // MIB}",
        )


ASKED = ("range", "direction", "checkpoint", "policy", "missing", "layer", "input_transform")
"""What a SHOT.json says itself, beside subjects."""


def shot_of(arguments: argparse.Namespace) -> Shot:
    """The shot that `track` or `deliver` asks for. Raises InputError."""
    path = Path(arguments.clip)
    shot = _saved(arguments, path) if path.suffix.lower() == ".json" else _asked(arguments)
    given = {
        "format": None if arguments.format is None else MatteFormat(arguments.format),
        "first_number": arguments.first_number,
    }
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    asked: dict[str, Any] = {
        name: value for name in MATTE_SETTINGS if (value := vars(arguments)[name]) is not None
    }
    subjects = (replace(subject, matte=replace(subject.matte, **asked)) for subject in shot.subjects)
    return replace(shot, settings=replace(shot.settings, **changes), subjects=tuple(subjects))


def options_of(arguments: argparse.Namespace, shot: Shot) -> Options:
    """What `deliver` is asked of files."""
    return Options(
        shot.settings.format,
        Compression(arguments.compression),
        arguments.plate,
        arguments.frame_rate,
        Colors(arguments.colors),
        arguments.tolerance,
    )


def _saved(arguments: argparse.Namespace, path: Path) -> Shot:
    given = vars(arguments)
    subjects: Sequence[SubjectArguments] = given.get("subjects") or ()
    if subjects and arguments.command == "track":
        raise OptionUnreadable("--subject", subjects[0].name, "no subjects beside a SHOT.json")
    for name in ASKED:
        if given.get(name) is not None:
            option = f"--{name.replace('_', '-')}"
            raise OptionUnreadable(option, str(given[name]), "a clip, since a SHOT.json says this itself")
    return _combined(load_shot(path), subjects)


def _combined(shot: Shot, given: Iterable[SubjectArguments]) -> Shot:
    """A saved shot whose subjects are combined with more than it says. Raises SubjectUnknown."""
    ids = {subject.name: subject.id for subject in shot.subjects}
    for asked in given:
        subject = shot.subject(ids.get(asked.name, asked.name))
        changed = replace(subject, combine=asked.combined(subject.combine, ids))
        shot = shot.with_subjects(changed if s.id == subject.id else s for s in shot.subjects)
    return shot


def _asked(arguments: argparse.Namespace) -> Shot:
    if arguments.command == "deliver":
        raise OptionUnreadable("deliver", arguments.clip, "a SHOT.json")
    subjects = _subjects(arguments.subjects or [])
    default = Settings()
    settings = Settings(
        range=None if arguments.range is None else FrameRange.parse(arguments.range),
        direction=default.direction if arguments.direction is None else Direction(arguments.direction),
        checkpoint=arguments.checkpoint or default.checkpoint,
        policy=arguments.policy or default.policy,
        input_transform=arguments.input_transform or default.input_transform,
    )
    missing = Missing.ERROR if arguments.missing is None else Missing(arguments.missing)
    return Shot(
        ClipReference(arguments.clip, missing=missing, layer=arguments.layer or ""), subjects, settings
    )


def _subjects(given: Sequence[SubjectArguments]) -> tuple[Subject, ...]:
    """On the command line a subject's name is its id; one named twice goes on with what it had."""
    merged: dict[str, SubjectArguments] = {}
    for subject in given:
        known = merged.setdefault(subject.name, SubjectArguments(subject.name))
        known.prompts += subject.prompts
        known.absent += subject.absent
        known.follow |= subject.follow
        known.overrides += subject.overrides
        known.matte |= subject.matte
        known.united += subject.united
        known.subtracted += subject.subtracted
        known.garbage += subject.garbage
        known.hold_in += subject.hold_in
    return tuple(
        Subject(
            name,
            name,
            tuple(found.prompts),
            absent=tuple(found.absent),
            follow=found.follow,
            matte=MatteSettings(**found.matte),
            overrides=tuple(found.overrides),
            combine=found.combined(Combination(), {}),
        )
        for name, found in merged.items()
    )
