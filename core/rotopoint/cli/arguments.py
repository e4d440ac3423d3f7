# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line's words."""

from __future__ import annotations

import argparse
from enum import Enum
from functools import partial
from pathlib import Path

from rotopoint import __version__
from rotopoint.cli.reading import (
    AddAbsent,
    AddPrompt,
    AddSubject,
    Combine,
    Follow,
    Set,
    read_threads,
    read_worst,
)
from rotopoint.deliver.deliverable import Colors, Compression, Options
from rotopoint.deliver.kinds import Kind
from rotopoint.deliver.naming import TOKENS, USUAL
from rotopoint.shot import (
    Direction,
    MatteFormat,
    Missing,
)
from rotopoint.shot.matte_settings import MATTE_SETTINGS
from rotopoint.tracking.limits import MIB, ONE_PASS, VARIABLES, mebibytes
from rotopoint.tracking.precision import PRECISION_NAMES, Precision
from rotopoint.tracking.runtimes import RUNTIME_NAMES, RUNTIME_VARIABLE, RUNTIMES


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
    prompts.add_argument("--subject", action=AddSubject, metavar="NAME")
    prompts.add_argument("--point", action=AddPrompt, metavar="FRAME:X,Y[:neg|:mask1..3]")
    prompts.add_argument("--box", action=AddPrompt, metavar="FRAME:X0,Y0,X1,Y1")
    prompts.add_argument("--mask", action=AddPrompt, metavar="FRAME:FILE[#LABEL]")
    prompts.add_argument("--absent", action=AddAbsent, metavar="A-B", help="frames where it is not there")
    prompts.add_argument(
        "--follow",
        action=Follow,
        nargs=0,
        help="see a part of the plate alone that follows it: for small ones",
    )
    prompts.add_argument(
        "--set", action=Set, metavar="[A-B:]NAME=VALUE", help="how its mattes are made, there or everywhere"
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
    combined.add_argument("--subject", action=AddSubject, metavar="NAME", help="one of the shot's")
    _add_combinations(combined)
    _add_matte_settings(deliver)
    deliver.add_argument("--format", choices=_choices(MatteFormat), help="of mattes; png is 16-bit")
    deliver.add_argument("--first-number", type=int, metavar="N")
    deliver.add_argument("--resume", action="store_true", help="go on with a delivery that broke off")
    files = deliver.add_argument_group("files")
    files.add_argument("--as", dest="kind", choices=_choices(Kind), default="mattes", help="kind of files")
    files.add_argument("--compression", choices=_choices(Compression), help="of EXR; default: zip")
    files.add_argument("--plate", action="store_true", default=None, help="put the plate into layered EXR")
    files.add_argument(
        "--colors",
        choices=_choices(Colors),
        help="of cut-outs and plates: light (the default), or values as the plate has them, such as log",
    )
    files.add_argument(
        "--tolerance",
        type=float,
        metavar="PX",
        help=f"how far outlines as splines may be off; default: {Options().tolerance}",
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
    checkpoints.add_argument(
        "--kernels",
        choices=[kernels.value for kernels in RUNTIMES["onnx"].precisions],
        default=Precision.FP32.value,
        help="the precision of graphs to export; default: fp32",
    )

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
        group.add_argument(option, action=Combine, metavar=metavar, help=help)


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
