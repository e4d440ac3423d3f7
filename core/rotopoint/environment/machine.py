# SPDX-License-Identifier: GPL-3.0-or-later
"""What a machine computes with, asked of its drivers: no package is needed for that."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from rotopoint.environment.processes import HIDDEN

NVIDIA_SECONDS = 20.0
"""A driver that wakes a card takes seconds."""

NVIDIA_FIELDS = "name,driver_version,compute_cap,memory.total"

AMD_DRIVER = Path("/dev/kfd")
"""There where Linux has loaded AMD's driver for computing."""


@dataclass(frozen=True)
class NvidiaCard:
    """`driver` is its version, `capability` the compute capability; None where the driver is too old to say.
    `memory` is in MiB."""

    name: str
    driver: tuple[int, ...]
    capability: tuple[int, int] | None
    memory: int


@dataclass(frozen=True)
class Machine:
    """`system` as `platform.system` has it, `processor` x86_64 or arm64. `amd`: whether the driver for
    computing on AMD's cards is loaded."""

    system: str
    processor: str
    nvidia: NvidiaCard | None = None
    amd: bool = False


def this_machine() -> Machine:
    """What is here. It cannot fail: a driver that does not answer counts as none."""
    name = platform.machine().lower()
    processor = {"amd64": "x86_64", "x64": "x86_64", "aarch64": "arm64"}.get(name, name)
    return Machine(platform.system(), processor, best_card(_nvidia_answer()), AMD_DRIVER.exists())


def best_card(answer: str) -> NvidiaCard | None:
    """The most capable card of nvidia-smi's answer to `NVIDIA_FIELDS`, a line each; None without one."""
    cards = [card for line in answer.splitlines() if (card := _card(line)) is not None]
    return max(cards, key=lambda card: (card.capability or (0, 0), card.memory), default=None)


def _card(line: str) -> NvidiaCard | None:
    fields = [field.strip() for field in line.split(",")]
    if len(fields) != 4 or not (driver := _numbers(fields[1])):
        return None
    capability = _numbers(fields[2])
    memory = _numbers(fields[3].split(" ")[0])
    return NvidiaCard(
        fields[0],
        driver,
        (capability[0], capability[1]) if len(capability) == 2 else None,
        memory[0] if memory else 0,
    )


def _numbers(text: str) -> tuple[int, ...]:
    """Those of a version; none where it is no version."""
    parts = text.split(".")
    return tuple(map(int, parts)) if all(part.isdecimal() for part in parts) else ()


def _nvidia_answer() -> str:
    for command in _nvidia_commands():
        asked = [command, f"--query-gpu={NVIDIA_FIELDS}", "--format=csv,noheader"]
        try:
            done = subprocess.run(
                asked,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=NVIDIA_SECONDS,
                creationflags=HIDDEN,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            continue
        if done.returncode == 0:
            return done.stdout
    return ""


def _nvidia_commands() -> Iterable[str]:
    if (found := shutil.which("nvidia-smi")) is not None:
        yield found
    if platform.system() == "Windows":
        # Its driver puts it there; a Blender that was started oddly may have no path.
        yield str(Path(os.environ.get("SystemRoot", "C:/Windows"), "System32", "nvidia-smi.exe"))
