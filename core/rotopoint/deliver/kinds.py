# SPDX-License-Identifier: GPL-3.0-or-later
"""Which kinds of files can be delivered. What writes a kind is imported when somebody asks for it."""

from __future__ import annotations

from enum import Enum

from rotopoint.deliver.deliverable import Deliverable


class Kind(Enum):
    """As a person asks for it; `deliverable` has what each is."""

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
