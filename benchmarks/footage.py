# SPDX-License-Identifier: GPL-3.0-or-later
"""Tracks real clips from one point each, times it, and makes a contact sheet each to look at.

Run as: python -m benchmarks.footage [--out DIR]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.davis import FOOTAGE
from rotopoint.clip import open_clip
from rotopoint.shot import ClipReference

ROOT = Path(__file__).resolve().parents[1]
CLIPS = FOOTAGE.parent / "clips"


@dataclass(frozen=True)
class Choice:
    """A subject on frame 1 of a clip, by a point that was chosen by looking; source pixels."""

    clip: str
    subject: str
    x: float
    y: float


CHOICES = (
    Choice("bedroom", "girl", 398, 190),
    Choice("dance_1080p", "woman in red", 600, 640),
    Choice("dog", "dog", 590, 440),
    Choice("juggle", "man", 705, 270),
    Choice("skateboarder", "skater", 270, 190),
)


def track(choice: Choice, out: Path, threads: int) -> tuple[float, int]:
    """Track through the command line, a process of its own; returns seconds and frames."""
    clip = CLIPS / f"{choice.clip}.mp4"
    mattes = out / choice.clip
    command = [sys.executable, "-m", "rotopoint.cli", "track", str(clip), "-o", str(mattes)]
    command += ["--subject", choice.subject, "--point", f"1:{choice.x},{choice.y}"]
    command += ["--store", str(out / f"tracks {time.time_ns()}"), "--threads", str(threads)]
    started = time.perf_counter()
    subprocess.run(command, check=True)
    seconds = time.perf_counter() - started
    sheet = [sys.executable, str(ROOT / "examples" / "contact_sheet.py"), "--clip", str(clip)]
    sheet += ["--mattes", str(mattes), "--subject", choice.subject]
    sheet += ["--out", str(out / f"{choice.clip}.png"), "--note", "draft model, one point on frame 1"]
    subprocess.run(sheet, check=True)
    with open_clip(ClipReference(str(clip))) as opened:
        return seconds, len(opened.frame_map)


def main() -> int:
    parser = argparse.ArgumentParser(description="Track real clips from one point each.")
    parser.add_argument("--out", type=Path, default=ROOT / "output" / "footage")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    if not CLIPS.is_dir():
        sys.stderr.write("no footage beside the repository\n")
        return 2
    sys.stdout.write("| clip | frames | s, whole process | s a frame |\n|---|---:|---:|---:|\n")
    for choice in CHOICES:
        seconds, frames = track(choice, arguments.out, arguments.threads)
        sys.stdout.write(f"| {choice.clip} | {frames} | {seconds:.1f} | {seconds / frames:.3f} |\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
