# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures mattes, step by step, and writes what was measured.

Run as: python -m benchmarks.mattes [--out benchmarks/results/mattes.md] [REPORT ...]

Logits are the true alpha, brought to SAM's resolution, unless a table says that they are tracked. Renders are
those of `benchmarks.renders`. In a file that is there, a report takes the place of the same one before; all
others stay, each with the machine that it was measured on.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.mattes.ceiling import report_ceiling
from benchmarks.mattes.demo import report_demo
from benchmarks.mattes.renders import clips, report_render_color, report_render_time, report_renders
from benchmarks.mattes.speed import report_memory, report_speed
from benchmarks.mattes.steady import report_time
from benchmarks.mattes.stills import report_color, report_stills, stills

Report = Callable[[], Iterator[str]]

OF_RENDERS: dict[str, Report] = {
    "renders": report_renders,
    "render-color": report_render_color,
    "render-time": report_render_time,
    "render-ceiling": report_ceiling,
}
OF_STILLS: dict[str, Report] = {"stills": report_stills, "color": report_color, "time": report_time}
REPORTS: dict[str, Report] = {
    **OF_RENDERS,
    **OF_STILLS,
    "demo": report_demo,
    "speed": report_speed,
    "memory": report_memory,
}

MARK = "<!-- {} -->"


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure mattes, step by step.")
    parser.add_argument("reports", nargs="*", help=f"of {', '.join(REPORTS)}; all by default")
    parser.add_argument("--out", type=Path, help="a Markdown file to write them into")
    arguments = parser.parse_args()
    asked = arguments.reports or list(REPORTS)
    if unknown := set(asked) - set(REPORTS):
        parser.error(f"no report {', '.join(sorted(unknown))}")
    if not stills() and OF_STILLS.keys() & set(asked):
        sys.stderr.write("no stills beside the repository\n")
        return 2
    if not clips() and OF_RENDERS.keys() & set(asked):
        sys.stderr.write("nothing is rendered: .venvs/bpy-5.0/bin/python -m benchmarks.renders\n")
        return 2
    for name in asked:
        lines = [*REPORTS[name](), "", machine()]
        sys.stdout.write("\n".join(lines) + "\n\n")
        sys.stdout.flush()
        if arguments.out is not None:
            before = arguments.out.read_text(encoding="utf-8") if arguments.out.exists() else ""
            arguments.out.write_text(replaced(before, name, "\n".join(lines)), encoding="utf-8")
    return 0


def replaced(text: str, name: str, section: str) -> str:
    """A file's text with the section of a report in place of the one before, else at its end."""
    head, *parts = text.split("<!-- ")
    sections = {part.split(" -->")[0]: part.split(" -->", 1)[1].strip() for part in parts}
    sections[name] = section.strip()
    marked = [f"{MARK.format(key)}\n{body}\n" for key, body in sections.items()]
    return "\n".join(([head.rstrip() + "\n"] if head.strip() else []) + marked)


def machine() -> str:
    """What a section was measured on, with what else ran there."""
    threads = os.environ.get("OMP_NUM_THREADS", "not set")
    load = f", load {os.getloadavg()[0]:.0f}" if hasattr(os, "getloadavg") else ""
    day = time.strftime("%Y-%m-%d")
    return f"_{processor()}, {os.cpu_count()} cores, OMP_NUM_THREADS {threads}{load}, {day}._"


def processor() -> str:
    """The processor's name as the system says it."""
    table = Path("/proc/cpuinfo")
    if table.exists():
        for line in table.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


if __name__ == "__main__":
    sys.exit(main())
