# SPDX-License-Identifier: GPL-3.0-or-later
"""What is compared. Each part gives the rows of one table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from benchmarks.propagation import overlap, resident
from benchmarks.propagation.contestants import FILLED, WARM_UP, Ours, Upstream
from benchmarks.propagation.models import Model, checkpoint, pictures
from benchmarks.propagation.timing import Rounds, Seconds, in_turn, middle, ratio
from rotopoint.checkpoints import resolve
from rotopoint.tracking.cache import Kept
from rotopoint.tracking.capability import Multiplies, capability_of
from rotopoint.tracking.engine import Engine, load_engine
from rotopoint.tracking.limits import MemoryLimits

UPSTREAM, AUTOCAST, OURS = "upstream fp32", "upstream bf16 autocast", "ours"
PREPARED = "ours, prepared"


def has_autocast() -> bool:
    """Whether upstream under bfloat16 autocast is worth a comparison here."""
    return capability_of("cpu").bf16 is Multiplies.ITSELF


@dataclass(frozen=True)
class Setting:
    """One column of the measurements. `folder` takes files that serve all parts."""

    model: Model
    threads: int
    rounds: int
    folder: Path

    def __str__(self) -> str:
        return f"{self.model}, {self.threads} thread{'s' * (self.threads > 1)}"

    def engine(self) -> Engine:
        torch.set_num_threads(self.threads)
        return load_engine(checkpoint(self.model, self.folder), "cpu", self.threads)

    def upstream(self, shown: list[np.ndarray], subjects: int, autocast: bool) -> Upstream:
        torch.set_num_threads(self.threads)
        return Upstream(checkpoint(self.model, self.folder), shown, subjects, autocast)

    def upstreams(self, shown: list[np.ndarray]) -> dict[str, Upstream]:
        """Upstream with one subject, in fp32 and, where the processor multiplies bfloat16 itself, under
        autocast; elsewhere a frame under autocast takes minutes, and says nothing."""
        found = {UPSTREAM: self.upstream(shown, 1, False)}
        if has_autocast():
            found[AUTOCAST] = self.upstream(shown, 1, True)
        return found


@dataclass(frozen=True)
class Row:
    """A line of a table."""

    part: str
    setting: str
    measured: str
    compared: str


def row(part: str, setting: Setting, rounds: Rounds, ours: str = OURS) -> Row:
    """Seconds of each, and how many times `ours` the others took: of wall time, and in brackets of all
    threads' time together."""
    seconds = {name: middle(found) for name, found in rounds.items()}
    ratios = {name: ratio(found, rounds[ours]) for name, found in rounds.items() if name != ours}
    return Row(
        part,
        str(setting),
        "; ".join(f"{name} {s.wall:.3f} ({s.cpu:.3f}) s" for name, s in seconds.items()),
        "; ".join(f"{name} **{r.wall:.2f}x** ({r.cpu:.2f}x)" for name, r in ratios.items()),
    )


def first_pass(setting: Setting) -> list[Row]:
    """A frame of one subject, nothing known of it before; and the same with its features on disk."""
    shown, engine = pictures(5), setting.engine()
    on_disk = Kept(MemoryLimits(memory=0, disk=4 << 30), setting.folder / "kept")
    ours, again = Ours(engine, shown, 1), Ours(engine, shown, 1, on_disk)
    again.remember((0, *range(FILLED - 8, FILLED + setting.rounds + WARM_UP)))
    theirs = {name: upstream.step for name, upstream in setting.upstreams(shown).items()}
    for each in (ours, again):
        each.warm_up()
    rounds = in_turn({**theirs, OURS: ours.step, "on disk": again.step}, setting.rounds)
    on_disk.close()
    first = {name: rounds[name] for name in (*theirs, OURS)}
    second = {name: rounds[name] for name in theirs} | {OURS: rounds["on disk"]}
    return [row("first pass, 1 subject", setting, first), row("again, features on disk", setting, second)]


def clicks(setting: Setting) -> list[Row]:
    """A click on a frame that was tracked and is not the last one looked at, then further ones on it.

    What ours has from the pass before lies on disk.
    """
    shown, engine = pictures(5), setting.engine()
    on_disk = Kept(MemoryLimits(memory=0, disk=4 << 30), setting.folder / "kept")
    ours, ready = Ours(engine, shown, 1, on_disk), Ours(engine, shown, 1)
    ours.remember((0, *range(FILLED - 8 - setting.rounds, FILLED)))
    everyone = {**setting.upstreams(shown), OURS: ours, PREPARED: ready}
    first: dict[str, list[Seconds]] = {name: [] for name in everyone}
    further: dict[str, list[Seconds]] = {name: [] for name in everyone}
    for number in range(setting.rounds):
        frame = FILLED - 1 - number
        ready.prepare(frame)
        for name, seconds in in_turn(_clicking(everyone, frame), 1).items():
            first[name] += seconds
        for name, seconds in in_turn(_clicking(everyone, frame), 1).items():
            further[name] += seconds
    on_disk.close()
    return [
        row("first click on a tracked frame", setting, _less(first, PREPARED)),
        row("the same, made ready before", setting, _less(first, OURS), PREPARED),
        row("each further click on it", setting, _less(further, PREPARED)),
    ]


def _less(rounds: Rounds, name: str) -> Rounds:
    return {other: seconds for other, seconds in rounds.items() if other != name}


def _clicking(everyone: dict[str, Ours | Upstream], frame: int) -> dict[str, Callable[[], object]]:
    return {name: lambda who=who: who.click(frame) for name, who in everyone.items()}


def subjects(setting: Setting) -> list[Row]:
    """A frame of four subjects over a frame of one, for ours and for upstream."""
    shown, engine = pictures(5), setting.engine()
    ours = {count: Ours(engine, shown, count) for count in (1, 4)}
    theirs = {count: setting.upstream(shown, count, False) for count in (1, 4)}
    for contestant in ours.values():
        contestant.warm_up()
    rounds = in_turn(
        {
            "ours, 4": ours[4].step,
            "ours, 1": ours[1].step,
            "upstream, 4": theirs[4].step,
            "upstream, 1": theirs[1].step,
        },
        setting.rounds,
    )
    mine = {name: rounds[name] for name in ("ours, 4", "ours, 1")}
    others = {name: rounds[name] for name in ("upstream, 4", "upstream, 1")}
    return [
        row("4 subjects over 1, ours", setting, mine, "ours, 1"),
        row("4 subjects over 1, upstream", setting, others, "upstream, 1"),
    ]


def job(setting: Setting) -> list[Row]:
    """All of it, with the draft model, from a video to files."""
    engine = load_engine(resolve("draft"), "cpu", setting.threads)
    seconds, over = overlap.measure(engine, setting.rounds)
    return [
        Row(
            "1080p video to 16-bit mattes",
            f"draft, {setting.threads} threads",
            "; ".join(f"{name} {s.wall:.3f} ({s.cpu:.3f}) s" for name, s in seconds.items()),
            f"all over the longer part **{over.wall:.2f}x** ({over.cpu:.2f}x of both parts' CPU time)",
        )
    ]


def memory(setting: Setting) -> list[Row]:
    """What a process takes up from frame 50 to frame 500."""
    frames = (50, 100, 200, 300, 400, 500)
    rows = []
    for name in ("ours", "upstream"):
        found = resident.measure(name, frames)
        rows.append(
            Row(
                f"resident memory, {name}",
                f"draft at {resident.SIZE} px, {resident.SUBJECTS} subjects",
                "; ".join(f"frame {frame} {value:.0f} MB" for frame, value in found.items()),
                f"frame 50 to 500 **{found[500] - found[50]:+.0f} MB**",
            )
        )
    return rows


PARTS: dict[str, Callable[[Setting], list[Row]]] = {
    "first-pass": first_pass,
    "clicks": clicks,
    "subjects": subjects,
    "job": job,
    "memory": memory,
}
