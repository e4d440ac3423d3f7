# SPDX-License-Identifier: GPL-3.0-or-later
"""Which layer of an EXR file is its picture, and the pixels of it.

Without a name, it is the layer that Blender's Clip Editor shows: channels without a layer; else of the
first view layer that has any picture, the pass Combined, else its first pass with R, G and B. Confirmed by
rendering in Blender 4.2 to 5.2, see tests/blender/test_exr_layers.py. From 4.5 on Blender shows unwritten
memory where that layer has no A beside others.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rotopoint.clip.timecode import Timecode
from rotopoint.errors import ClipUnreadable

if TYPE_CHECKING:
    import OpenEXR

COMBINED = "Combined"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Layer:
    """A pass with R, G and B, in a part of the file; `prefix` is what its channels' names begin with."""

    part: int
    prefix: str
    name: str
    """As Blender calls it, such as ViewLayer.Combined; empty for channels without a layer."""

    channels: tuple[str, ...]
    """R, G, B and A where it is there; without the prefix."""

    @property
    def view_layer(self) -> str:
        return self.name.rpartition(".")[0]

    @property
    def is_combined(self) -> bool:
        return self.name.rpartition(".")[2] in ("", COMBINED)


def layers_of(parts: Iterable[tuple[str, Iterable[str]]]) -> tuple[Layer, ...]:
    """The layers of a file, the one that Blender shows first.

    `parts` are the names of a file's parts (empty where there is one alone), each with the names of its
    channels, in the file's order.
    """
    found = list(_layers(parts))
    order = list(dict.fromkeys(layer.view_layer for layer in found))

    def place(layer: Layer) -> tuple[bool, int, bool]:
        return layer.name != "", order.index(layer.view_layer), not layer.is_combined

    return tuple(sorted(found, key=place))


def _layers(parts: Iterable[tuple[str, Iterable[str]]]) -> Iterator[Layer]:
    for part, (part_name, channels) in enumerate(parts):
        there = frozenset(channels)
        for prefix in dict.fromkeys(name[: name.rfind(".") + 1] for name in sorted(there)):
            if all(prefix + color in there for color in "RGB"):
                letters = tuple(letter for letter in "RGBA" if prefix + letter in there)
                yield Layer(part, prefix, _full_name(part_name, prefix.rstrip(".")), letters)


def _full_name(part_name: str, layer: str) -> str:
    if not part_name or layer == part_name or layer.startswith(f"{part_name}."):
        return layer
    return f"{part_name}.{layer}" if layer else part_name


def choose_layer(path: Path, wanted: str = "") -> str:
    """The name of the layer that is read of an EXR file; empty where it has none with a name.

    `wanted` is its name as in ViewLayer.Combined, or without the view layer where that is clear; empty for
    the one that Blender shows. Where several could be meant and none is called Combined, a warning tells
    which is read. Raises ClipUnreadable.
    """
    with _opened(path, header_only=True) as file:
        layers = _layers_in(file)
    if wanted:
        return _named(path, layers, wanted).name
    if not layers:
        return ""
    chosen = layers[0]
    if len(layers) > 1 and not chosen.is_combined:
        listed = ", ".join(layer.name or "the unnamed one" for layer in layers)
        log.warning(
            "%s has no layer Combined: %s is read, of %s; --layer names another", path, chosen.name, listed
        )
    return chosen.name


def pixel_aspect(path: Path) -> float:
    """How many times as wide as high a file's pixels are. Raises ClipUnreadable."""
    with _opened(path, header_only=True) as file:
        return float(file.header().get("pixelAspectRatio", 1.0))


def read_timecode(path: Path) -> Timecode | None:
    """What a file's standard attribute `timeCode` says. Raises ClipUnreadable."""
    with _opened(path, header_only=True) as file:
        found = file.header().get("timeCode")
    if found is None:
        return None
    drops, second = bool(found.dropFrame), bool(found.fieldPhase)
    return Timecode(found.hours, found.minutes, found.seconds, found.frame, drops, second)


def read_exr(path: Path, wanted: str = "") -> NDArray[np.float32]:
    """(H, W) or (H, W, C) as `rotopoint.clip.image_file.read_image` has it, of the layer `wanted`.

    Without any layer of R, G and B: the channel Y, else A, else the only one. Raises ClipUnreadable.
    """
    with _opened(path) as file:
        layers = _layers_in(file)
        layer = _named(path, layers, wanted) if wanted else next(iter(layers), None)
        part = 0 if layer is None else layer.part
        channels = {name: channel.pixels for name, channel in file.channels(part).items()}
    if layer is None:
        names = [_single(path, frozenset(channels))]
    else:
        names = [layer.prefix + letter for letter in layer.channels]
    planes = [channels[name] for name in names]
    if any(plane.shape != planes[0].shape for plane in planes):
        raise ClipUnreadable(path, "subsampled EXR channels are not supported")
    picture: NDArray[Any] = planes[0] if len(planes) == 1 else np.stack(planes, axis=-1)
    return picture.astype(np.float32)


@contextmanager
def _opened(path: Path, *, header_only: bool = False) -> Iterator[OpenEXR.File]:
    import OpenEXR

    try:
        with OpenEXR.File(str(path), separate_channels=True, header_only=header_only) as file:
            yield file
    except (RuntimeError, ValueError) as error:
        raise ClipUnreadable(path, f"the image is truncated or corrupt: {error}") from error


def _layers_in(file: OpenEXR.File) -> tuple[Layer, ...]:
    parts = file.parts
    return layers_of(
        (part.name() if len(parts) > 1 else "", [channel.name for channel in part.header["channels"]])
        for part in parts
    )


def _named(path: Path, layers: tuple[Layer, ...], wanted: str) -> Layer:
    """The layer of that full name, else the one whose name ends in it."""
    exact = [layer for layer in layers if layer.name == wanted]
    found = exact or [layer for layer in layers if layer.name.endswith(f".{wanted}")]
    if len(found) == 1:
        return found[0]
    listed = ", ".join(layer.name or "one without a name" for layer in layers) or "none"
    what = f"several layers {wanted}" if found else f"no layer {wanted} with R, G and B"
    raise ClipUnreadable(path, f"it has {what}; its layers are {listed}")


def _single(path: Path, names: frozenset[str]) -> str:
    """The channel that is the picture of a file without color."""
    if {"RY", "BY"} & names:
        raise ClipUnreadable(path, "luminance and chroma EXR is not supported; write R, G and B")
    for single in ("Y", "A"):
        if single in names:
            return single
    if len(names) == 1:
        return next(iter(names))
    listed = ", ".join(sorted(names)[:8])
    raise ClipUnreadable(path, f"the EXR has neither R, G and B nor Y, but {listed or 'no channels'}")
