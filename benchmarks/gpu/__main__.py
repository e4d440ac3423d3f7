# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames a second on a GPU: ours, upstream's predictor, and upstream's compiled one, in one run.

Run as: python -m benchmarks.gpu [--out FILE] [--minutes N] [--rows MODEL:SUBJECTS:CONTESTANT ...]
With --rehearse all of it runs on the CPU, on a small clip with small models, and no figure means anything.

End to end is from 1080p JPEG files to 16-bit PNG mattes; model only is from pictures in memory to tracks.
Clicks correct a frame in the middle. Rows are written as they come, the most wanted first; what there is no
time for is left out with a word. benchmarks/README.md names what it needs.
"""

from __future__ import annotations

import argparse
import gc
import logging
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from rotopoint.cores import share_cores

STARTED = time.monotonic()

# Both of these are read when torch and tqdm are imported.
share_cores()
os.environ["TQDM_DISABLE"] = "1"

import torch  # noqa: E402

from benchmarks.gpu.measuring import HEAD, Budget, TimeShort, measure  # noqa: E402
from benchmarks.gpu.rows import CONTESTANTS, ROWS, Row, rehearsed  # noqa: E402
from benchmarks.gpu.sizes import FULL, RANDOM, REHEARSAL, Footage, footage  # noqa: E402
from rotopoint.errors import RotopointError  # noqa: E402
from rotopoint.messages import explain  # noqa: E402

OUT = Path("output") / "gpu.md"

log = logging.getLogger(__name__)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--rehearse", action="store_true", help="the same on the CPU, with small sizes")
    parser.add_argument("--device", help="as torch calls it (default: cuda; cpu with --rehearse)")
    parser.add_argument("--minutes", type=float, default=7.0, help="no row begins that would end later")
    parser.add_argument("--rows", nargs="+", type=Row.parse, metavar="ROW")
    parser.add_argument("--out", type=Path, default=OUT, help="a Markdown file that rows are appended to")
    arguments = parser.parse_args()
    device = arguments.device or ("cpu" if arguments.rehearse else "cuda")
    sizes = REHEARSAL if arguments.rehearse else FULL
    if arguments.rehearse:
        # Code is traced as for a GPU, but making code for the CPU of it takes minutes.
        torch.compile = partial(torch.compile, backend="eager")
    # Upstream says at each propagation that it lacks its CUDA extension.
    warnings.filterwarnings("ignore", category=UserWarning)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    handlers = [
        logging.StreamHandler(),
        logging.FileHandler(arguments.out.with_suffix(".log"), encoding="utf-8"),
    ]
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", handlers=handlers)
    results = Results(arguments.out)
    card = torch.cuda.get_device_name(device) if device.startswith("cuda") else device
    width, height = sizes.picture
    results.tell(f"\n{card}, torch {torch.__version__}, {sizes.frames} frames of {width}x{height}\n")
    results.row("model", "subjects", "contestant", *HEAD)
    results.row("---", "---:", "---", *["---:"] * len(HEAD))
    budget = Budget(STARTED, 60 * arguments.minutes)
    failed = 0
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        shown = footage(Path(folder), sizes)
        for row in arguments.rows or (rehearsed(ROWS) if arguments.rehearse else ROWS):
            try:
                weights, cells = _measured(row, device, shown, Path(folder), budget)
                results.row(weights, row.subjects, row.contestant, *cells)
            except TimeShort as reason:
                results.row(row.model, row.subjects, row.contestant, reason)
            except Exception as error:
                # The next row may still tell something, and there may be no second try.
                log.exception("%s failed", row)
                said = explain(error) if isinstance(error, RotopointError) else type(error).__name__
                results.row(row.model, row.subjects, row.contestant, f"failed: {said}")
                failed += 1
            gc.collect()
            if device.startswith("cuda"):
                torch.cuda.empty_cache()
    results.tell(f"\n{time.monotonic() - STARTED:.0f} s in all")
    return 1 if failed else 0


def _measured(
    row: Row, device: str, shown: Footage, folder: Path, budget: Budget
) -> tuple[str, Iterable[str]]:
    """The model and its weights in words, and the cells of `HEAD`. Raises TimeShort."""
    entry = CONTESTANTS[row.contestant]
    budget.require(entry.starting if device.startswith("cuda") else 0.0)
    chosen = shown.sizes.weights(row.model, folder)
    contestant = entry.make(chosen, device, row.subjects, shown.sizes.picture)
    with tempfile.TemporaryDirectory(dir=folder, ignore_cleanup_errors=True) as work:
        measured = measure(contestant, shown, Path(work), budget)
    weights = ", random weights" if chosen.sha256 == RANDOM else ""
    return f"{row.model}{weights}", measured.cells()


class Results:
    """A Markdown file that is whole at any moment, and the same on standard output."""

    def __init__(self, out: Path) -> None:
        self._out = out

    def row(self, *cells: object) -> None:
        self.tell(f"| {' | '.join(str(cell).replace('|', '/') for cell in cells)} |")

    def tell(self, text: str) -> None:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
        with self._out.open("a", encoding="utf-8") as file:
            file.write(text + "\n")


if __name__ == "__main__":
    sys.exit(main())
