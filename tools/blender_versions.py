# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the tests of the add-on in every Blender that is at hand and writes what passed as two tables.

    python3 make.py versions        writes docs/blender-versions.md

A row is a module of tests, named by the first sentence of its docstring.
"""

from __future__ import annotations

import argparse
import ast
import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "core")]

from tests.blender.bpy_process import ENGINE_VARIABLE, VERSIONS, bpy_python  # noqa: E402, of the repository

INSIDE = ROOT / "tests" / "blender" / "inside"
MEASURED = "largest alpha difference"
GUI_VERSIONS = ("4.3", "5.2")

HEAD = """# What passes in which Blender

Written by `python3 make.py versions`: how many tests passed. The first table is of the bpy wheels, which have
no windows; the second of Blenders with a screen and a pointer.

"""

ALPHA_HEAD = """
## Rendered alpha against the delivered matte

The largest difference on any frame, in steps of 1/255; the bar is 1.

"""


@dataclass(frozen=True)
class Case:
    """One test in one Blender. `differences` of alpha that it measured, by what was asked of the clip."""

    module: str
    name: str
    version: str
    outcome: str
    differences: dict[str, float] = field(default_factory=dict)


def inside(version: str) -> list[Case]:
    """The tests that run in Blender's own Python."""
    interpreter = bpy_python(version)
    if interpreter is None:
        return []
    with tempfile.TemporaryDirectory(prefix="rotopoint-versions-") as name:
        report = Path(name) / "report.xml"
        environment = os.environ | {
            "BLENDER_USER_RESOURCES": str(Path(name) / "user"),
            "PYTHONPATH": os.pathsep.join([str(ROOT / "core"), str(ROOT)]),
            ENGINE_VARIABLE: sys.executable,
        }
        command = [interpreter, INSIDE / "run.py", "-q", f"--junitxml={report}", f"--basetemp={name}/inside"]
        subprocess.run(list(map(str, command)), cwd=ROOT, env=environment, stdout=sys.stderr, check=False)
        return list(cases(report, version))


def outside(folder: str) -> list[Case]:
    """The tests that start a Blender each; a version stands in their names."""
    with tempfile.TemporaryDirectory(prefix="rotopoint-versions-") as name:
        report = Path(name) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", f"--junitxml={report}", folder]
        command += ["--deselect", "tests/blender/test_inside_blender.py"]
        subprocess.run(command, cwd=ROOT, stdout=sys.stderr, check=False)
        return list(cases(report, None))


def cases(report: Path, version: str | None) -> Iterable[Case]:
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        name, module = case.attrib["name"], case.attrib["classname"]
        found = re.findall(r"\b\d\.\d\b", name.partition("[")[2])
        outcome = next(
            (kind for kind in ("failure", "error", "skipped") if case.find(kind) is not None), "passed"
        )
        measured = {
            p.attrib["name"].removeprefix(MEASURED).strip(", "): float(p.attrib["value"])
            for p in case.iter("property")
            if p.attrib["name"].startswith(MEASURED)
        }
        # Of a file's two versions, the one that opens it is tested.
        of = version or (found[-1] if found else None)
        if of is not None:
            yield Case(module, name, of, outcome, measured)


def feature(module: str) -> str:
    """The first sentence of a module's docstring."""
    path = ROOT / (module.replace(".", "/") + ".py")
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or module
    return re.split(r"[.;]\s|\.$", " ".join(text.split()))[0]


def cell(found: list[Case]) -> str:
    if not found:
        return "not run"
    counts = {
        kind: sum(c.outcome == kind for c in found) for kind in ("passed", "skipped", "failure", "error")
    }
    failed = counts["failure"] + counts["error"]
    words = [f"{counts['passed']}"] if counts["passed"] else []
    words += [f"**{failed} failed**"] if failed else []
    words += [f"{counts['skipped']} refused by Blender"] if counts["skipped"] else []
    return ", ".join(words)


def table(found: list[Case], versions: Iterable[str]) -> str:
    versions = tuple(versions)
    rows: dict[str, list[Case]] = defaultdict(list)
    for case in found:
        rows[case.module].append(case)
    lines = ["| | " + " | ".join(versions) + " |", "|---|" + "---:|" * len(versions)]
    for module, members in rows.items():
        cells = [cell([c for c in members if c.version == version]) for version in versions]
        lines.append(f"| {feature(module)} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def alpha_table(found: list[Case]) -> str:
    rows: dict[str, dict[str, float]] = defaultdict(dict)
    for case in found:
        what = case.name.partition("[")[2].rstrip("]").replace("-", ", ")
        place = "strip" if "sequencer" in case.module else "composite of a tracked clip"
        for about, difference in case.differences.items():
            rows[", ".join(filter(None, (f"{place}: {what}", about)))][case.version] = difference
    lines = ["| | " + " | ".join(VERSIONS) + " |", "|---|" + "---:|" * len(VERSIONS)]
    for what, by_version in rows.items():
        cells = [f"{by_version[v]:.3f}" if v in by_version else "not run" for v in VERSIONS]
        lines.append(f"| {what} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "blender-versions.md")
    parser.add_argument("--without-windows", action="store_true")
    arguments = parser.parse_args()
    found = [case for version in VERSIONS for case in inside(version)]
    found += outside("tests/blender")
    text = HEAD + table(found, VERSIONS)
    windows = [] if arguments.without_windows else outside("tests/gui")
    if windows:
        text += "\n## Windows\n\n" + table(windows, GUI_VERSIONS)
    text += ALPHA_HEAD + alpha_table(found)
    arguments.out.write_text(text, encoding="utf-8")
    sys.stdout.write(text)
    return 1 if any(case.outcome in ("failure", "error") for case in found + windows) else 0


if __name__ == "__main__":
    sys.exit(main())
