# SPDX-License-Identifier: GPL-3.0-or-later
"""How much may be kept of what pictures gave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from rotopoint.errors import OptionUnreadable

MIB = 1 << 20

VARIABLES = {
    "memory": "ROTOPOINT_CACHE_MEMORY",
    "disk": "ROTOPOINT_CACHE_DISK",
    "gpu": "ROTOPOINT_CACHE_GPU",
}
"""Environment variables with MiB, by the field that they set."""


@dataclass(frozen=True)
class MemoryLimits:
    """Bytes for features and memories of pictures. A model and what it works with come on top.

    What the CPU made is kept in `memory`, and what has no room there on `disk`. What a GPU made is kept on
    the `gpu`, and what has no room there in `memory`; a file is no use to it, for it makes a picture's
    features again in the time that reading them takes. `memory` None: `ON_CPU` or `BESIDE_GPU`.
    """

    memory: int | None = None
    disk: int = 8192 * MIB
    gpu: int = 512 * MIB

    @property
    def on_cpu(self) -> int:
        """Room in memory for what the CPU made."""
        return ON_CPU if self.memory is None else self.memory

    @property
    def beside_gpu(self) -> int:
        """Room in memory for what a GPU made."""
        return BESIDE_GPU if self.memory is None else self.memory

    def __str__(self) -> str:
        memory = f"{self.on_cpu // MIB} MiB"
        if self.memory is None:
            memory += f" ({self.beside_gpu // MIB} beside a GPU)"
        return f"memory {memory}, disk {self.disk // MIB} MiB, GPU {self.gpu // MIB} MiB"


ON_CPU = 256 * MIB
BESIDE_GPU = 2048 * MIB
"""Some two hundred pictures at 1024 pixels."""

ONE_PASS = MemoryLimits(memory=64 * MIB, disk=0)
"""What one pass over a clip looks back at."""


def asked_limits(
    environment: Mapping[str, str],
    default: MemoryLimits | None = None,
    *,
    memory: int | None = None,
    disk: int | None = None,
    gpu: int | None = None,
) -> MemoryLimits:
    """The limits that options in MiB ask for, else the environment, else `default`.

    Raises OptionUnreadable for a variable that is no whole number.
    """
    given = {"memory": memory, "disk": disk, "gpu": gpu}
    for field, variable in VARIABLES.items():
        if given[field] is None and (text := environment.get(variable)):
            given[field] = mebibytes(variable, text)
    changes = {field: size * MIB for field, size in given.items() if size is not None}
    return replace(default or MemoryLimits(), **changes)


def mebibytes(option: str, text: str) -> int:
    """A size as a person writes it. Raises OptionUnreadable, which names `option`."""
    if not (text.isascii() and text.isdecimal()) or len(text) > 9:
        raise OptionUnreadable(option, text, "a whole number of MiB, 0 or more")
    return int(text)
