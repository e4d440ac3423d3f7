# SPDX-License-Identifier: GPL-3.0-or-later
"""EXR files of several layers, each of one gray that tells which one is shown."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import OpenEXR

SHOWN, OTHER = 0.8, 0.2
"""The gray of the layer that Blender shows, and of all others."""

WIDTH, HEIGHT = 64, 48

Layers = Mapping[str, tuple[str, float]]
"""Channels, one letter each, and gray of the layers of a part, by the prefix of their names."""

ONE_PART: dict[str, Layers] = {
    "combined after ao": {"VL.AO": ("RGBA", OTHER), "VL.Combined": ("RGBA", SHOWN)},
    "combined after depth and normal": {
        "VL.Depth": ("Z", OTHER),
        "VL.ANormal": ("XYZ", OTHER),
        "VL.Combined": ("RGBA", SHOWN),
    },
    "unnamed beside passes": {"": ("RGBA", SHOWN), "AO": ("RGBA", OTHER), "VL.Combined": ("RGBA", OTHER)},
    "unnamed before a": {"": ("RGBA", SHOWN), "A.AO": ("RGBA", OTHER)},
    "no combined": {"VL.Diffuse": ("RGBA", OTHER), "VL.AO": ("RGBA", SHOWN), "VL.Depth": ("Z", OTHER)},
    "first view layer without combined": {"A.AO": ("RGBA", SHOWN), "B.Combined": ("RGBA", OTHER)},
    "two combined": {"A.AO": ("RGBA", OTHER), "A.Combined": ("RGBA", SHOWN), "B.Combined": ("RGBA", OTHER)},
    "no color in the first": {"A.Depth": ("Z", OTHER), "B.Diffuse": ("RGBA", SHOWN)},
}
"""Files of one part, by name."""

PARTS: dict[str, dict[str, Layers]] = {
    "depth first": {"depth": {"": ("Z", OTHER)}, "rgba": {"": ("RGBA", SHOWN)}},
    "two colors": {"ao": {"": ("RGBA", SHOWN)}, "rgba": {"": ("RGBA", OTHER)}},
    "named by parts": {"VL.AO": {"": ("RGBA", OTHER)}, "VL.Combined": {"": ("RGBA", SHOWN)}},
}
"""Files of several parts, by name; in each the parts by theirs."""


def channels_of(layers: Layers) -> dict[str, np.ndarray]:
    return {
        f"{prefix}.{letter}" if prefix else letter: np.full(
            (HEIGHT, WIDTH), 1.0 if letter == "A" else gray, np.float32
        )
        for prefix, (letters, gray) in layers.items()
        for letter in letters
    }


def write_layers(path: Path, layers: Layers) -> Path:
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    OpenEXR.File(header, channels_of(layers)).write(str(path))
    return path


def write_parts(path: Path, parts: Mapping[str, Layers]) -> Path:
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    OpenEXR.File(
        [OpenEXR.Part(dict(header), channels_of(layers), name) for name, layers in parts.items()]
    ).write(str(path))
    return path


def write_every_layout(folder: Path) -> list[Path]:
    """One file for each way to say which layer is the picture."""
    return [write_layers(folder / f"{name}.exr", layers) for name, layers in ONE_PART.items()] + [
        write_parts(folder / f"{name}.exr", parts) for name, parts in PARTS.items()
    ]
