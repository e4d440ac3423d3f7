# SPDX-License-Identifier: GPL-3.0-or-later
"""A subject without its background: RGBA that lies over any other picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from rotopoint.deliver.deliverable import Deliverable, Frame, Need, cleaned
from rotopoint.deliver.exr_file import half, timecode_attributes, write_exr
from rotopoint.deliver.naming import CUT_OUT


class CutOutFiles(Deliverable):
    """Half-float EXR with R, G, B and A: scene linear with Rec.709 primaries or as `Options.colors` says,
    premultiplied, values over 1 kept. `rotopoint/alpha` and `rotopoint/colors` say so."""

    part = CUT_OUT
    extension = "exr"

    @property
    def needs(self) -> frozenset[Need]:
        return frozenset({Need.MATTE, Need.FOREGROUND})

    def frame(self, content: Frame) -> Path:
        (layer,) = content.layers
        assert layer.foreground is not None
        alpha = cleaned(layer.matte)
        # Where there is no coverage, any color may stand, and no number too.
        premultiplied = np.where(alpha[..., None] > 0, layer.foreground, np.float32(0)) * alpha[..., None]
        channels = {color: half(premultiplied[..., n]) for n, color in enumerate("RGB")}
        about: dict[str, Any] = {
            **timecode_attributes(content.timecode, self.about.frame_rate),
            "rotopoint/clip": self.about.clip,
            "rotopoint/source": self.about.source,
            "rotopoint/subject": layer.subject,
            "rotopoint/clip_frame": int(content.frame),
            "rotopoint/settings": self.about.settings[0] if self.about.settings else "{}",
            "rotopoint/alpha": "premultiplied",
            "rotopoint/colors": self.options.colors.value,
        }
        path = self.path(content.number)
        write_exr(
            path,
            {**channels, "A": alpha.astype(np.float16)},
            about,
            self.options.compression,
            self.about.pixel_aspect,
        )
        return path
