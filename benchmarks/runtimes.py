# SPDX-License-Identifier: GPL-3.0-or-later
"""ONNX Runtime beside torch and upstream, in one run.

    python -m benchmarks.runtimes [--models draft,tiny,base_plus] [--threads 2] [--rounds 5]

A table a model: a frame of a first pass, the same with its features at hand, a further click on a tracked
frame; then what a process takes from its start to the first mask, and at most in memory. The draft has its
own size and weights, the others random ones at 1024 px; their graphs are exported first, which takes minutes.
Wall time, and in brackets that of all threads together; ratios are those of pairs.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import torch

from benchmarks.propagation.contestants import FILLED, Contestant, Ours, Upstream
from benchmarks.propagation.models import Model, checkpoint, pictures
from benchmarks.propagation.timing import in_turn, middle, ratio
from rotopoint.checkpoints import ResolvedCheckpoint, resolve
from rotopoint.tracking.cache import Kept
from rotopoint.tracking.engine import load_engine
from rotopoint.tracking.limits import MemoryLimits
from rotopoint.tracking.onnx.export import ensure_graphs

ONNX, FP32, BF16, UPSTREAM = "ONNX Runtime fp32", "torch fp32", "torch bf16", "upstream fp32"
KERNELS = {ONNX: ("onnx", "fp32"), FP32: ("torch", "fp32"), BF16: ("torch", "bf16")}
ROOMY = MemoryLimits(memory=4 << 30, disk=0)

FIRST_MASK = """
import sys, time
from pathlib import Path
started = float(sys.argv[1])
import numpy as np
from rotopoint.checkpoints import resolve
from rotopoint.tracking.engine import load_engine
from rotopoint.tracking.runtime import PointPrompts
runtime = load_engine(resolve("draft"), "cpu", int(sys.argv[4]), sys.argv[3], runtime=sys.argv[2]).runtime
picture = np.zeros((720, 1280, 3), np.uint8)
point = PointPrompts(np.array([[90, 80]], np.float32), np.array([1], np.int32))
start = runtime.condition_on_memory(runtime.encode_image(picture), None)
runtime.decode_prompts(start, point, None, True)
seconds = time.time() - started
most = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print(seconds, int(most.split()[1]) / 1e3)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--models", default="draft,tiny", help="by the registry's names; default: draft,tiny")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        for name in asked.models.split(","):
            size = resolve("draft").configuration.image_size if name == "draft" else 1024
            made = checkpoint(Model(name, size), Path(scratch))
            ensure_graphs(made)
            for line in _table(made, f"{name} at {size} px", asked.threads, asked.rounds):
                sys.stdout.write(f"{line}\n")
                sys.stdout.flush()
    for line in _from_the_start(asked.threads, asked.rounds):
        sys.stdout.write(f"{line}\n")


def _table(made: ResolvedCheckpoint, title: str, threads: int, rounds: int) -> Iterator[str]:
    """Of each part a row: seconds of each contestant, and how many times ONNX Runtime's the others took."""
    torch.set_num_threads(threads)
    shown = pictures(5)

    def everyone(kept: bool) -> dict[str, Contestant]:
        found: dict[str, Contestant] = {}
        for name, (runtime, kernels) in KERNELS.items():
            engine = load_engine(made, "cpu", threads, kernels, runtime=runtime)
            ours = Ours(engine, shown, 1, Kept(ROOMY) if kept else None)
            ours.warm_up()
            if kept:
                ours.remember((0, *range(FILLED - 8 - rounds, FILLED + 4 + rounds)))
            found[name] = ours
        return {**found, UPSTREAM: Upstream(made, shown, 1, autocast=False)}

    yield f"| {title}, {threads} threads | {' | '.join((*KERNELS, UPSTREAM))} |"
    yield f"|{'---|' * (len(KERNELS) + 2)}"
    passing = {name: each.step for name, each in everyone(kept=False).items()}
    yield _row("first pass, a frame", passing, rounds)
    remembering = everyone(kept=True)
    yield _row("the same, features at hand", {n: each.step for n, each in remembering.items()}, rounds)
    frame = FILLED - 2
    clicking: dict[str, Callable[[], object]] = {
        name: (lambda who=each: who.click(frame)) for name, each in remembering.items()
    }
    in_turn(clicking, 1)
    yield _row("a further click", clicking, rounds)
    yield ""


def _row(what: str, work: Mapping[str, Callable[[], object]], rounds: int) -> str:
    measured = in_turn(work, rounds)
    cells = []
    for seconds in measured.values():
        took, over = middle(seconds), ratio(seconds, measured[ONNX])
        cells.append(f"{took.wall * 1e3:.0f} ms ({took.cpu * 1e3:.0f}), {over.wall:.2f}x ({over.cpu:.2f}x)")
    return f"| {what} | {' | '.join(cells)} |"


def _from_the_start(threads: int, rounds: int) -> Iterator[str]:
    """With the draft model: seconds from the start of a process to the first mask, and megabytes at most."""
    yield "| from the start of a process | " + " | ".join(KERNELS) + " |"
    yield f"|{'---|' * (len(KERNELS) + 1)}"
    found: dict[str, list[list[float]]] = {name: [] for name in KERNELS}
    for _ in range(rounds):
        for name, (runtime, kernels) in KERNELS.items():
            command = [sys.executable, "-c", FIRST_MASK, str(time.time()), runtime, kernels, str(threads)]
            answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            found[name].append([float(word) for word in answer.split()])
    cells = [np.median(np.array(each), 0) for each in found.values()]
    yield "| first mask, most memory | " + " | ".join(f"{s:.2f} s, {mb:.0f} MB" for s, mb in cells) + " |"


if __name__ == "__main__":
    main()
