# SPDX-License-Identifier: GPL-3.0-or-later
"""Outlines of mattes as cubic splines: SVG a frame, and one JSON of all frames for Masks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

import numpy as np

from rotopoint.clip.transform import srgb_from_linear, to_8_bit
from rotopoint.deliver.deliverable import Deliverable, Frame, Layer, cleaned
from rotopoint.deliver.layers import layer_names
from rotopoint.outline import Spline, outlines
from rotopoint.shot.frames import FileNumber
from rotopoint.whole_files import write_whole

DECIMALS = 3
"""Of pixels."""

VERSION = 1


class SvgFiles(Deliverable):
    """A group a subject with one path, filled by the rule of even and odd, in the subject's color; its units
    are pixels. A subject that is not there has a group without a path."""

    part = "outline"
    extension = "svg"
    joins = True

    def frame(self, content: Frame) -> Path:
        width, height = self.about.size
        size = {"width": f"{width * self.about.pixel_aspect:g}", "height": f"{height}"}
        box = {"viewBox": f"0 0 {width} {height}", "preserveAspectRatio": "none"}
        page = Element("svg", {"xmlns": "http://www.w3.org/2000/svg", **size, **box})
        names = layer_names(self.about.subjects)
        for layer in content.layers:
            group = SubElement(page, "g", {"id": names[layer.subject]})
            SubElement(group, "title").text = layer.subject
            found = outlines(cleaned(layer.matte), self.options.tolerance)
            if found:
                data = " ".join(map(path_of, found))
                SubElement(group, "path", {"fill": _shown(layer.color), "fill-rule": "evenodd", "d": data})
        path = self.path(content.number)
        write_whole(path, tostring(page, encoding="utf-8", xml_declaration=True))
        return path


class SplinesFile(Deliverable):
    """`version`, `clip`, `size` [width, height], `pixel_aspect`, `tolerance` and `subjects`: each `name`,
    `color` (linear RGB) and `frames`. A frame has its `frame` of the clip and `splines`, closed, in which
    inside is what an odd number of them is about; a knot is [x, y, left x, left y, right x, right y], its
    place and its handles before and after, in pixels of the source, y down. Without the subject there are no
    splines."""

    part = "splines"
    extension = "json"
    joins = True
    one_file = True

    def open(self) -> None:
        self._subjects: list[dict[str, Any]] = [
            {"name": subject, "color": [1.0, 1.0, 1.0], "frames": []} for subject in self.about.subjects
        ]

    def frame(self, content: Frame) -> Path:
        for subject, layer in zip(self._subjects, content.layers, strict=True):
            subject["color"] = list(layer.color)
            subject["frames"].append({"frame": int(content.frame), "splines": self._splines(layer)})
        return self.path(FileNumber(0))

    def _splines(self, layer: Layer) -> list[list[list[float]]]:
        found = outlines(cleaned(layer.matte), self.options.tolerance)
        return [
            np.hstack([spline.points, spline.left, spline.right]).round(DECIMALS).tolist() for spline in found
        ]

    def close(self, *, whole: bool) -> None:
        if not whole:
            return
        content = {
            "version": VERSION,
            "clip": self.about.clip,
            "size": list(self.about.size),
            "pixel_aspect": self.about.pixel_aspect,
            "tolerance": self.options.tolerance,
            "subjects": self._subjects,
        }
        write_whole(self.path(FileNumber(0)), json.dumps(content).encode("ascii"))


def path_of(spline: Spline) -> str:
    """The data of an SVG path."""

    def said(point: Any) -> str:
        return ",".join(f"{value:.{DECIMALS}f}".rstrip("0").rstrip(".") for value in point)

    pieces = (f"C{' '.join(map(said, piece[1:]))}" for piece in spline.pieces())
    return f"M{said(spline.points[0])} {' '.join(pieces)} Z"


def _shown(color: tuple[float, float, float]) -> str:
    red, green, blue = to_8_bit(srgb_from_linear(np.array(color, np.float32)))
    return f"#{red:02x}{green:02x}{blue:02x}"
