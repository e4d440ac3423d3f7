# SPDX-License-Identifier: GPL-3.0-or-later
"""What is measured, in the order of worth: time on a GPU is short."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from benchmarks.gpu.contestants import Contestant, Ours, Upstream
from rotopoint.tracking.arrangement import Arrangement, Values
from rotopoint.tracking.engine import load_engine

WHOLE, COMPILED = Arrangement(values=Values.WHOLE), Arrangement(compiled=True)


@dataclass(frozen=True)
class Entry:
    """`make` takes the arguments of `Contestant`; `starting` is about how many seconds on a GPU pass before
    it tracks as fast as it can. One that compiles our parts for minutes on a CPU does not rehearse: a slow
    test does it."""

    make: Callable[..., Contestant]
    starting: float = 5.0
    rehearses: bool = True


CONTESTANTS = {
    "ours": Entry(Ours),
    "upstream": Entry(Upstream),
    "upstream vos_optimized": Entry(partial(Upstream, compiled=True), starting=120.0),
    "ours with whole values": Entry(partial(Ours, load=partial(load_engine, arrangement=WHOLE))),
    "ours compiled": Entry(
        partial(Ours, load=partial(load_engine, arrangement=COMPILED)), starting=60.0, rehearses=False
    ),
}
"""Another way to compute is one more line: a name, and `Ours` with another `load`."""


@dataclass(frozen=True)
class Row:
    """A model by its name in the registry, and one of CONTESTANTS."""

    model: str
    subjects: int
    contestant: str

    def __str__(self) -> str:
        return f"{self.model}:{self.subjects}:{self.contestant}"

    @staticmethod
    def parse(text: str) -> Row:
        """What `str` gives. Raises ValueError."""
        model, subjects, contestant = text.split(":")
        if contestant not in CONTESTANTS:
            raise ValueError(f"unknown contestant {contestant}; known are {', '.join(CONTESTANTS)}")
        return Row(model, int(subjects), contestant)


ROWS = (
    Row("base_plus", 1, "ours"),
    Row("base_plus", 1, "upstream"),
    Row("base_plus", 4, "ours"),
    Row("large", 1, "ours"),
    Row("tiny", 1, "ours"),
    Row("base_plus", 16, "ours"),
    Row("draft", 1, "ours"),
    Row("base_plus", 1, "ours with whole values"),
    Row("base_plus", 1, "upstream vos_optimized"),
    Row("base_plus", 1, "ours compiled"),
    Row("large", 1, "upstream"),
    Row("tiny", 1, "upstream"),
    Row("base_plus", 4, "upstream"),
    Row("draft", 1, "upstream"),
    Row("large", 1, "upstream vos_optimized"),
    Row("tiny", 1, "upstream vos_optimized"),
    Row("base_plus", 16, "upstream"),
)


def rehearsed(rows: Iterable[Row]) -> list[Row]:
    """Those that differ where one small model stands for each Hiera."""
    rows = [row for row in rows if CONTESTANTS[row.contestant].rehearses]
    different = {(row.model == "draft", row.subjects, row.contestant): row for row in reversed(rows)}
    return [row for row in rows if row in different.values()]
