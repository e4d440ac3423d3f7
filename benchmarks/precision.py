# SPDX-License-Identifier: GPL-3.0-or-later
"""What bfloat16 kernels cost on DAVIS: one step from the same memory, and whole tracks.

Run as: python -m benchmarks.precision [--checkpoint NAME]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from benchmarks.baselines import score_sequence
from benchmarks.davis import Sequence, sequences
from benchmarks.quality import Scores, mask_prompt, point_prompt, publish, table, tracked
from rotopoint.checkpoints import resolve
from rotopoint.cli.score import region_similarity
from rotopoint.cores import share_cores
from rotopoint.mattes.upsample import upsample
from rotopoint.shot import Prompt
from rotopoint.tracking.engine import Engine, load_engine
from rotopoint.tracking.precision import Precision
from rotopoint.tracking.runtime import MaskPrompt, MemoryBank

STEPS = (6, 12, 24)
"""Pictures from the one that is remembered to the one that is looked at."""

Masks = list[NDArray[np.bool_]]


def one_step(engines: Mapping[Precision, Engine], sequence: Sequence) -> list[float]:
    """IoU of both kernels' masks for each of `STEPS`, on the same memory of the true mask on frame 1."""
    pictures = [cv2.cvtColor(picture, cv2.COLOR_BGR2RGB) for picture in sequence.pictures()]
    truth = next(sequence.masks())
    exact = engines[Precision.FP32].runtime
    first = exact.encode_image(pictures[0])
    given = exact.decode_prompts(exact.condition_on_memory(first, None), MaskPrompt(truth))
    memory = exact.encode_memory(first, given.logits, given.object_score, prompted=True).to_bytes()
    masks: dict[Precision, Masks] = {}
    for kernels, engine in engines.items():
        runtime = engine.runtime
        bank = MemoryBank(((0, runtime.memory_from(memory)),), ((1, given.pointer),), 3)
        found = [
            runtime.decode_prompts(
                runtime.condition_on_memory(runtime.encode_image(pictures[step]), bank), None
            )
            for step in STEPS
        ]
        masks[kernels] = [upsample(f.logits, (truth.shape[1], truth.shape[0])) > 0 for f in found]
    return [
        region_similarity(a, b) for a, b in zip(masks[Precision.FP32], masks[Precision.BF16], strict=True)
    ]


def end_to_end(engines: Mapping[Precision, Engine]) -> Scores:
    prompts: Mapping[str, Callable[[Sequence], Prompt]] = {
        "one point": point_prompt,
        "true mask": mask_prompt,
    }
    scores: Scores = {}
    for name, prompt in prompts.items():
        for kernels, engine in engines.items():
            by = scores.setdefault(f"{name}, {kernels.value}", {})
            for sequence in tqdm(sequences(), unit="sequence", leave=False):
                mattes = tracked(sequence, prompt(sequence), engine)
                by[sequence.name] = score_sequence(mattes, sequence).without_ends()
    return scores


def main() -> int:
    parser = argparse.ArgumentParser(description="What bfloat16 kernels cost on DAVIS")
    parser.add_argument("--checkpoint", default="draft")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    if not sequences():
        sys.stderr.write("no DAVIS footage beside the repository\n")
        return 2
    share_cores()
    checkpoint = resolve(arguments.checkpoint)
    compared = Precision.FP32, Precision.BF16
    engines = {k: load_engine(checkpoint, "cpu", arguments.threads, k.value) for k in compared}
    ious = {sequence.name: one_step(engines, sequence) for sequence in sequences()}
    steps = [iou for found in ious.values() for iou in found]
    page = "\n\n".join(
        [
            f"# Kernels bf16 beside fp32: checkpoint {checkpoint.name}",
            "Written by `python -m benchmarks.precision`.",
            "## One step from the same memory",
            f"IoU of both kernels' masks {STEPS[0]} to {STEPS[-1]} pictures on: "
            f"{np.mean(steps):.4f} on average, {min(steps):.4f} at worst.",
            "\n".join(f"- {name}: {', '.join(f'{x:.4f}' for x in found)}" for name, found in ious.items()),
            "## End to end, J / F / J&F in percent, without the first and the last frame",
            table(end_to_end(engines)),
        ]
    )
    publish(page, f"precision_{checkpoint.name}.md")
    return 0


if __name__ == "__main__":
    sys.exit(main())
