# SPDX-License-Identifier: GPL-3.0-or-later
"""All subjects of a frame in one half-float EXR, a layer each."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from rotopoint.deliver.deliverable import Deliverable, Frame, Need, cleaned
from rotopoint.deliver.exr_file import half, timecode_attributes, write_exr


class LayerFiles(Deliverable):
    """A layer a subject with the one channel Y: linear coverage in half float; see `layer_names`.

    With the option `plate`, R, G, B and A without a layer are the plate, scene linear with Rec.709
    primaries or as `Options.colors` says, A 1 throughout. All frames have the same channels and windows.
    Attributes named `rotopoint/...` say where a frame comes from; `rotopoint/layers` is JSON, the subject's
    name by layer.
    """

    part = "layers"
    extension = "exr"
    joins = True

    @property
    def needs(self) -> frozenset[Need]:
        return frozenset({Need.MATTE, Need.LIGHT}) if self.options.plate else frozenset({Need.MATTE})

    def frame(self, content: Frame) -> Path:
        names = layer_names(self.about.subjects)
        channels = {
            f"{names[layer.subject]}.Y": cleaned(layer.matte).astype(np.float16) for layer in content.layers
        }
        if self.options.plate:
            assert content.light is not None
            channels |= {color: half(content.light[..., n]) for n, color in enumerate("RGB")}
            channels["A"] = np.ones(content.light.shape[:2], np.float16)
        about = {
            **timecode_attributes(content.timecode, self.about.frame_rate),
            "rotopoint/clip": self.about.clip,
            "rotopoint/source": self.about.source,
            "rotopoint/clip_frame": int(content.frame),
            "rotopoint/colors": self.options.colors.value,
            "rotopoint/layers": json.dumps({names[subject]: subject for subject in self.about.subjects}),
            "rotopoint/settings": json.dumps(
                dict(zip(names.values(), map(json.loads, self.about.settings), strict=False))
            ),
        }
        path = self.path(content.number)
        write_exr(path, channels, about, self.options.compression, self.about.pixel_aspect)
        return path


def layer_names(subjects: Iterable[str]) -> dict[str, str]:
    """A name of a layer for each subject: letters of ASCII, digits and _, a letter first, no two alike.

    Readers split a channel's name at dots, and some take no layer that is called by a number. Accents go;
    what else has no place becomes _.
    """
    found: dict[str, str] = {}
    taken: set[str] = set()
    for subject in subjects:
        ascii_only = unicodedata.normalize("NFKD", subject).encode("ascii", "ignore").decode()
        base = re.sub(r"[^A-Za-z0-9_]+", "_", ascii_only).strip("_")
        if not base[:1].isalpha():
            base = f"subject_{base}".rstrip("_")
        name, number = base, 1
        while name.casefold() in taken:
            number += 1
            name = f"{base}_{number}"
        taken.add(name.casefold())
        found[subject] = name
    return found
