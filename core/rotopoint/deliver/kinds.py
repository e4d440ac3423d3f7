# SPDX-License-Identifier: GPL-3.0-or-later
"""Which kinds of files can be delivered. What writes a kind is imported when somebody asks for it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from enum import Enum

from rotopoint.deliver.deliverable import Deliverable, Options
from rotopoint.errors import OptionIgnored, OptionUnreadable
from rotopoint.shot import MatteFormat

OPTIONS = tuple(field.name for field in fields(Options))


class Kind(Enum):
    """As a person asks for it; `deliverable` has what each is. New ones go to the end."""

    MATTES = "mattes"
    LAYERS = "layers"
    CRYPTOMATTE = "cryptomatte"
    CUT_OUTS = "cut-outs"
    OVERLAY = "overlay"
    BINARY = "binary"
    ALPHA = "alpha"
    TRIMAP = "trimap"
    FFV1 = "ffv1"
    PRORES = "prores"
    VP9 = "vp9"
    REVIEW = "review"
    SIDE_BY_SIDE = "side-by-side"
    COCO = "coco"
    LABEL_MAPS = "label-maps"
    SVG = "svg"
    SPLINES = "splines"


NO_COLOR = ("decontaminate",)
"""Of the settings of mattes, what has no say where files hold no color of a subject's own."""

AFTER_TRIMAP = (
    "smooth",
    "expand",
    "feather",
    "feather_side",
    "black_point",
    "white_point",
    "alpha",
    "steady",
    "unite",
    "subtract",
)
"""What comes of a matte once its trimap is known; the last two are what it is combined with."""


@dataclass(frozen=True)
class Words:
    """What a person reads of a kind, which fields of `Options` it heeds, and which settings of mattes have no
    say in it."""

    label: str
    help: str = ""
    options: tuple[str, ...] = ()
    ignores: tuple[str, ...] = NO_COLOR


WORDS = {
    Kind.MATTES: Words("Mattes", "Coverage, one file a frame and subject", ("format", "compression")),
    Kind.LAYERS: Words(
        "Layered EXR", "One file a frame with a named layer a subject", ("compression", "plate", "colors")
    ),
    Kind.CRYPTOMATTE: Words(
        "Cryptomatte", "One EXR file a frame with all subjects, to be picked by name", ("compression",)
    ),
    Kind.CUT_OUTS: Words(
        "Cut-outs", "The subjects' own color, premultiplied, as EXR", ("compression", "colors"), ignores=()
    ),
    Kind.OVERLAY: Words("Overlay", "The subjects' colors over the picture, as PNG"),
    Kind.BINARY: Words("Binary Masks", "Black and white without grays, as PNG"),
    Kind.ALPHA: Words(
        "Solved Alpha",
        "Mattes whose soft edges are solved from the picture, as PNG or EXR",
        ("format", "compression"),
        ignores=(*NO_COLOR, "alpha"),
    ),
    Kind.TRIMAP: Words(
        "Trimap",
        "Where alpha is known and where it is solved, as PNG",
        ignores=(*NO_COLOR, *AFTER_TRIMAP),
    ),
    Kind.FFV1: Words("FFV1", "Lossless video of mattes, one a subject", ("frame_rate",)),
    Kind.PRORES: Words(
        "ProRes 4444", "Video of cut-outs with alpha, one a subject", ("frame_rate", "colors"), ignores=()
    ),
    Kind.VP9: Words(
        "VP9", "Small video of cut-outs with alpha, one a subject", ("frame_rate", "colors"), ignores=()
    ),
    Kind.REVIEW: Words("Review", "H.264 video of the subjects' colors over the picture", ("frame_rate",)),
    Kind.SIDE_BY_SIDE: Words("Side by Side", "H.264 video of picture and matte", ("frame_rate",)),
    Kind.COCO: Words("COCO", "One JSON file of all subjects' masks, run-length encoded"),
    Kind.LABEL_MAPS: Words("Label Maps", "PNG of one number a subject, with their colors"),
    Kind.SVG: Words("SVG", "Outlines as curves, one file a frame", ("tolerance",)),
    Kind.SPLINES: Words(
        "Mask Splines", "Outlines of all frames for Blender's masks, as one JSON file", ("tolerance",)
    ),
}


def words_for(kind: Kind) -> Words:
    """What interfaces say of a kind; of one that nobody has described, its name."""
    return WORDS.get(kind) or Words(kind.value.replace("-", " ").capitalize())


def check_heeded(kind: Kind, given: Iterable[str], options: Options) -> None:
    """Raises OptionIgnored where something is asked for that has no say in files of a kind, OptionUnreadable
    where it has none without something else.

    `given` are the names of what is asked for: fields of `Options`, with their values in `options`, settings
    of mattes, and what these are combined with.
    """
    asked = set(given)
    for name in sorted(asked):
        if not _heeds(words_for(kind), name):
            others = tuple(other.value for other in Kind if _heeds(words_for(other), name))
            raise OptionIgnored(_option(name), kind.value, others)
    heeded = words_for(kind).options
    if "compression" in asked and "format" in heeded and options.format is not MatteFormat.EXR:
        raise OptionUnreadable("--compression", options.compression.value, "--format exr beside it")
    if "colors" in asked and "plate" in heeded and not options.plate:
        raise OptionUnreadable("--colors", options.colors.value, "--plate beside it")


def _heeds(words: Words, name: str) -> bool:
    if name in OPTIONS:
        return name in words.options
    return name not in words.ignores


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def deliverable(kind: Kind) -> type[Deliverable]:
    """What writes files of a kind. Raises ModuleNotFoundError where a library that it needs is not there."""
    match kind:
        case Kind.MATTES:
            from rotopoint.deliver.matte_files import MatteFiles

            return MatteFiles
        case Kind.LAYERS:
            from rotopoint.deliver.layers import LayerFiles

            return LayerFiles
        case Kind.CRYPTOMATTE:
            from rotopoint.deliver.cryptomatte import CryptomatteFiles

            return CryptomatteFiles
        case Kind.OVERLAY:
            from rotopoint.deliver.pictures import OverlayFiles

            return OverlayFiles
        case Kind.BINARY:
            from rotopoint.deliver.pictures import BinaryFiles

            return BinaryFiles
        case Kind.ALPHA:
            from rotopoint.deliver.alpha_files import AlphaFiles

            return AlphaFiles
        case Kind.TRIMAP:
            from rotopoint.deliver.alpha_files import TrimapFiles

            return TrimapFiles
        case Kind.FFV1:
            from rotopoint.deliver.movies import MatteMovie

            return MatteMovie
        case Kind.PRORES:
            from rotopoint.deliver.movies import ProResMovie

            return ProResMovie
        case Kind.VP9:
            from rotopoint.deliver.movies import Vp9Movie

            return Vp9Movie
        case Kind.REVIEW:
            from rotopoint.deliver.movies import ReviewMovie

            return ReviewMovie
        case Kind.SIDE_BY_SIDE:
            from rotopoint.deliver.movies import SideBySideMovie

            return SideBySideMovie
        case Kind.COCO:
            from rotopoint.deliver.coco import CocoFile

            return CocoFile
        case Kind.LABEL_MAPS:
            from rotopoint.deliver.label_maps import LabelMapFiles

            return LabelMapFiles
        case Kind.SVG:
            from rotopoint.deliver.splines import SvgFiles

            return SvgFiles
        case Kind.SPLINES:
            from rotopoint.deliver.splines import SplinesFile

            return SplinesFile
        case Kind.CUT_OUTS:
            from rotopoint.deliver.cut_outs import CutOutFiles

            return CutOutFiles
