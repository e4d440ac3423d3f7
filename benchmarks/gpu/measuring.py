# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures one contestant within the time that is left."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import median

import torch

from benchmarks.gpu.contestants import Contestant
from benchmarks.gpu.sizes import Footage

RUNS_OF_THE_CLIP = 2
"""End to end, and the model only."""


class TimeShort(Exception):
    """There is no time for what is to be measured."""


@dataclass(frozen=True)
class Budget:
    """Seconds since `started` (of `time.monotonic`)."""

    started: float
    seconds: float

    @property
    def left(self) -> float:
        return self.started + self.seconds - time.monotonic()

    def require(self, seconds: float) -> None:
        """Raises TimeShort."""
        if seconds > self.left:
            raise TimeShort(
                f"skipped: it takes about {seconds:.0f} s, and {max(self.left, 0):.0f} s are left"
            )


@dataclass(frozen=True)
class Measured:
    """Frames a second from files to files and of the model only; `peak`: bytes on the device, None for the
    CPU; seconds of the first click on a tracked frame, and of a further one there, where it answers any."""

    whole: float
    model: float
    peak: int | None
    first_click: float | None
    further_click: float | None

    def cells(self) -> Iterator[str]:
        yield f"{self.whole:.1f}"
        yield f"{self.model:.1f}"
        yield "-" if self.peak is None else f"{self.peak / 1e6:.0f}"
        for click in (self.first_click, self.further_click):
            yield "-" if click is None else f"{1000 * click:.1f}"


HEAD = ("end to end, frames/s", "model only, frames/s", "peak, MB", "first click, ms", "further click, ms")


def measure(contestant: Contestant, shown: Footage, folder: Path, budget: Budget) -> Measured:
    """Raises TimeShort once a few frames have told how long it would take."""
    sizes, warm = shown.sizes, folder / "warm"
    contestant.whole(shown.start, warm)
    contestant.model(shown.start, warm)()
    for click in islice(contestant.clicks(shown.start, warm, sizes.warm_up), 2):
        click()
    again = contestant.seconds(lambda: contestant.whole(shown.start, folder / "again"))
    budget.require(RUNS_OF_THE_CLIP * again * sizes.frames / sizes.warm_up)
    on_gpu = contestant.device.startswith("cuda")
    if on_gpu:
        torch.cuda.reset_peak_memory_stats(contestant.device)
    whole = contestant.seconds(lambda: contestant.whole(shown.clip, folder / "whole"))
    model = contestant.seconds(contestant.model(shown.clip, folder / "whole"))
    peak = torch.cuda.max_memory_allocated(contestant.device) if on_gpu else None
    # In the middle of the clip memory is full.
    clicks = contestant.clicks(shown.clip, folder / "whole", sizes.frames // 2 + 1)
    first, *further = [contestant.seconds(click) for click in islice(clicks, 1 + sizes.clicks)] or [None]
    return Measured(
        sizes.frames / whole, sizes.frames / model, peak, first, median(further) if further else None
    )
