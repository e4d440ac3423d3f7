# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures ours against upstream's predictor and prints ratios.

Run as: python -m benchmarks.propagation [--part NAME ...] [--model NAME ...] [--size N ...] [--threads N ...]
"""

from __future__ import annotations

import argparse
import datetime
import itertools
import os
import sys
import tempfile
import warnings
from pathlib import Path

from rotopoint.cores import share_cores

# Both of these are read when torch and tqdm are imported.
share_cores()
os.environ["TQDM_DISABLE"] = "1"

from benchmarks.propagation.models import Model  # noqa: E402
from benchmarks.propagation.parts import PARTS, Setting, has_autocast  # noqa: E402

ONCE = ("job", "memory")
"""Parts with a model of their own."""

WITHOUT_AUTOCAST = "Upstream's bf16 autocast is left out: the processor does not multiply bfloat16 itself."

HEAD = "| part | model | measured: wall (CPU) | compared: wall (CPU) |\n|---|---|---|---|"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.propagation", description=__doc__)
    parser.add_argument("--part", choices=sorted(PARTS), nargs="+", default=list(PARTS))
    parser.add_argument("--model", choices=("tiny", "base_plus", "draft"), nargs="+", default=["tiny"])
    parser.add_argument("--size", type=int, nargs="+", default=[1024], help="side of the model's input")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=5, help="pairs of which the median is shown")
    parser.add_argument("--out", type=Path, help="a Markdown file; what was measured is appended to it")
    arguments = parser.parse_args()
    # Upstream says at each propagation that it lacks its CUDA extension.
    warnings.filterwarnings("ignore", category=UserWarning)
    lines = [HEAD] if has_autocast() else [f"{WITHOUT_AUTOCAST}\n\n{HEAD}"]
    sys.stdout.write(lines[0] + "\n")
    with tempfile.TemporaryDirectory() as folder:
        for number, (name, size, threads, part) in enumerate(
            itertools.product(arguments.model, arguments.size, arguments.threads, arguments.part)
        ):
            if part in ONCE and number >= len(arguments.part) * len(arguments.threads):
                continue
            setting = Setting(Model(name, size), threads, arguments.rounds, Path(folder))
            for result in PARTS[part](setting):
                lines.append(f"| {result.part} | {result.setting} | {result.measured} | {result.compared} |")
                sys.stdout.write(lines[-1] + "\n")
                sys.stdout.flush()
    if arguments.out is not None:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        with arguments.out.open("a", encoding="utf-8") as file:
            file.write(f"\n{datetime.date.today()}\n\n" + "\n".join(lines) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
