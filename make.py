#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The project's commands: each does its own set-up, and can be repeated.

    python3 make.py demo        track the demo clip, composite it in Blender, show what came out
    python3 make.py test        check style and types, and run all tests
    python3 make.py test --fast     the same without Blender and the slowest, in under two minutes
    python3 make.py test --beside   only what it does beside the others: in Blender, and limited to AVX2
    python3 make.py extension   build the Blender extension into dist/, for one system and Python with
                                --platform windows-x64 --python 3.11, say: then it brings an engine
    python3 make.py versions    run the add-on's tests in every Blender and write docs/blender-versions.md
    python3 make.py setup       the set-up alone

Needs Python 3.11 with pip, and nothing else; on Debian it installs what bpy needs of the system. Where a
Python 3.13 is at hand too, the tests run in Blender 5.2 as well. The extension needs any Python from 3.11 on.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent
ENGINE = ROOT / ".venv"
BUILD = ROOT / ".venvs" / "build"
PINS = ROOT / "pins"
BLENDERS = {"4.2": (3, 11), "4.5": (3, 11), "5.0": (3, 11), "5.2": (3, 13)}
"""The bpy wheels that the tests use, and the Python that each is made for."""

DEMO_BLENDER = "5.0"

EXPORT = (
    "from rotopoint.checkpoints import resolve; from rotopoint.tracking.onnx.export import ensure_graphs; "
    "ensure_graphs(resolve('draft'))"
)

AVX2_ALONE = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"}
"""What makes torch, and oneDNN in it, leave AVX-512 alone."""

NARROW_TESTS = (
    "tests/core/tracking/test_capability.py",
    "tests/core/tracking/test_precision.py",
    "tests/core/tracking/test_parity.py",
    "tests/core/test_session.py",
)
"""Those whose results follow from which kernels run."""

BLENDER_TESTS = ("tests/blender", "tests/gui")
"""Blender does most of their work, with one thread, and leaves the other cores to the rest."""

SLOWEST = (
    "tests/core/cli/test_cli.py",
    "tests/core/cli/test_endings.py",
    "tests/core/environment",
    "tests/core/mattes/test_random_settings.py",
    "tests/core/test_session.py",
    "tests/core/test_session_faults.py",
    "tests/core/tracking/test_as_on_a_gpu.py",
    "tests/core/tracking/test_build.py",
    "tests/core/tracking/test_device_memory.py",
    "tests/core/tracking/test_gpu_kernels.py",
    "tests/core/tracking/test_onnx_runtime.py",
    "tests/core/tracking/test_parity.py",
    "tests/core/tracking/test_parity_drawn.py",
    "tests/core/tracking/test_precision.py",
    "tests/core/tracking/test_upstream_defects.py",
)
FAST_TESTS = ("tests/core", "-m", "not slow", *(f"--ignore={path}" for path in SLOWEST))
"""For the inner loop."""

SYSTEM_LIBRARIES = {
    "libX11.so.6": "libx11-6",
    "libXrender.so.1": "libxrender1",
    "libXfixes.so.3": "libxfixes3",
    "libXi.so.6": "libxi6",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libSM.so.6": "libsm6",
    "libICE.so.6": "libice6",
    "libGL.so.1": "libgl1",
    "libXxf86vm.so.1": "libxxf86vm1",
    "libgomp.so.1": "libgomp1",
}
"""What the bpy wheels load, and the Debian package of each."""


def say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def python_of(environment: Path) -> Path:
    if os.name == "nt":
        return environment / "Scripts" / "python.exe"
    return environment / "bin" / "python"


PYTEST = (python_of(ENGINE), "-m", "pytest", "--durations=10")


def run(*command: str | Path, **options: object) -> None:
    """Run a command in the repository; end with its exit code if it fails."""
    result = subprocess.run([str(c) for c in command], cwd=ROOT, **options)  # type: ignore[call-overload]
    if result.returncode != 0:
        raise SystemExit(result.returncode)


def step(title: str, work: Callable[[], None]) -> None:
    started = time.monotonic()
    say(f"== {title}")
    work()
    say(f"== {title}: {time.monotonic() - started:.0f} s")


def blender_environment(version: str) -> Path:
    return ROOT / ".venvs" / f"bpy-{version}"


def find_python(version: tuple[int, int]) -> Path | None:
    """An interpreter of a version of Python: this one, one on the path, or one of pyenv's; else None."""
    if sys.version_info[:2] == version:
        return Path(sys.executable)
    name = "python{}.{}".format(*version)
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    commands = [[name], *([str(path)] for path in sorted(pyenv.glob(f"*/bin/{name}")))]
    if os.name == "nt":
        commands.append(["py", "-{}.{}".format(*version)])
    for command in commands:
        try:
            # Pyenv's stand-ins are on the path also for versions that they refuse to start.
            asked = [*command, "-c", "import sys; print(sys.executable)"]
            said = subprocess.run(asked, capture_output=True, text=True, check=True)
        except (OSError, subprocess.CalledProcessError):
            continue
        return Path(said.stdout.strip())
    return None


def prepare(environment: Path, python: Path, pins: Sequence[Path], installs: Sequence[Sequence[str]]) -> None:
    """A virtual environment of `python` with what `installs` (arguments of pip, one call each) ask for.

    Nothing is done where a stamp says that the same was installed before; `pins` are files that the
    arguments name.
    """
    asked = [*(p.read_bytes() for p in (*pins, ROOT / "pyproject.toml")), repr(installs).encode()]
    wanted = hashlib.sha256(b"\0".join(asked)).hexdigest()
    stamp = environment / "rotopoint-stamp"
    if stamp.is_file() and stamp.read_text() == wanted:
        return

    def install() -> None:
        if not python_of(environment).is_file():
            run(python, "-m", "venv", environment)
        pip = (python_of(environment), "-m", "pip", "--disable-pip-version-check")
        for arguments in installs:
            run(*pip, "install", "--progress-bar", "on", *arguments)
        stamp.write_text(wanted)

    step(f"setting up {environment.relative_to(ROOT)}", install)


def prepare_engine() -> None:
    pins = PINS / "engine.txt"
    constrained = ["-c", str(pins.relative_to(ROOT))]
    prepare(
        ENGINE,
        Path(sys.executable),
        [pins],
        [
            [*constrained, "-e", ".[export,test,lint]"],
            # Its requirements name torchvision, which its video path never imports.
            [*constrained, "--no-deps", "RF-SAM-2"],
        ],
    )


def prepare_blender(version: str) -> bool:
    """Whether there is a Python for it."""
    python = find_python(BLENDERS[version])
    if python is None:
        say("== Blender {} is left out: no Python {}.{} is at hand".format(version, *BLENDERS[version]))
        return False
    shared, own = PINS / "engine.txt", PINS / f"bpy-{version}.txt"
    prepare(
        blender_environment(version),
        python,
        [shared, own],
        # What it brings itself, in its own versions, comes last.
        [["-c", str(shared.relative_to(ROOT)), "-e", ".[blender]"], ["-r", str(own.relative_to(ROOT))]],
    )
    return True


def prepare_system() -> None:
    """The shared libraries that bpy needs, on Debian and its kin; elsewhere they are there."""
    if platform.system() != "Linux" or shutil.which("apt-get") is None:
        return
    known = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=False).stdout
    packages = [package for library, package in SYSTEM_LIBRARIES.items() if library not in known]
    if not packages:
        return
    if os.geteuid() != 0:
        raise SystemExit(f"Blender needs system libraries; run: sudo apt-get install {' '.join(packages)}")

    def install() -> None:
        quiet = {"env": {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}, "stdout": subprocess.DEVNULL}
        run("apt-get", "update", "-qq", **quiet)
        run("apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages, **quiet)

    step("installing system libraries", install)


def check_python() -> None:
    if sys.version_info[:2] != (3, 11):
        raise SystemExit("the bpy wheels need Python 3.11; run this with python3.11")


def setup(blenders: Iterable[str]) -> None:
    check_python()
    prepare_system()
    prepare_engine()
    if versions := tuple(blenders):
        with meanwhile(python_of(ENGINE), "-c", EXPORT):
            for version in versions:
                prepare_blender(version)


@contextmanager
def meanwhile(*command: str | Path, **options: Any) -> Iterator[None]:
    """A command that is under way inside: installing leaves a core to it. Ends the program where it fails."""
    with subprocess.Popen([str(part) for part in command], cwd=ROOT, **options) as process:
        yield
    if process.returncode != 0:
        raise SystemExit(process.returncode)


@contextmanager
def beside(title: str, *command: str | Path) -> Iterator[None]:
    """The same for one whose output is shown after all else, be it that what is done inside fails."""
    started = time.monotonic()
    with tempfile.TemporaryFile() as told:
        try:
            with meanwhile(*command, stdout=told, stderr=subprocess.STDOUT):
                yield
        finally:
            say(f"== {title}")
            told.seek(0)
            shutil.copyfileobj(told, sys.stderr.buffer)
            say(f"== {title}: {time.monotonic() - started:.0f} s, beside the others")


def demo(arguments: Sequence[str]) -> None:
    setup([DEMO_BLENDER])
    blender = python_of(blender_environment(DEMO_BLENDER))
    run(python_of(ENGINE), "examples/run_demo.py", "--blender", blender, *arguments)


def test(arguments: Sequence[str]) -> None:
    if arguments and arguments[0] == "--fast":
        setup([])
        check_source()
        step("tests", lambda: run(python_of(ENGINE), "-m", "pytest", *FAST_TESTS, *arguments[1:]))
        return
    setup(BLENDERS)
    if arguments[:1] == ["--beside"]:
        step("tests in Blender", lambda: run(*PYTEST, "-m", "not slow", *BLENDER_TESTS))
        test_narrow()
        return
    if arguments:
        step("tests", lambda: run(*PYTEST, *arguments))
        return
    check_source()
    others = [f"--ignore={folder}" for folder in BLENDER_TESTS]
    with beside("tests in Blender, and limited to AVX2", sys.executable, __file__, "test", "--beside"):
        step("tests", lambda: run(*PYTEST, "-m", "not slow", *others))


def check_source() -> None:
    python = python_of(ENGINE)
    step("style", lambda: run(python, "-m", "ruff", "check", "."))
    step("format", lambda: run(python, "-m", "ruff", "format", "--check", "."))
    step("types", lambda: run(python, "-m", "mypy"))


def test_narrow() -> None:
    """What computes, once more as on a processor with AVX2 alone: torch reads its limits when it starts."""
    if platform.machine().lower() not in ("x86_64", "amd64"):
        say(f"== tests limited to AVX2 are left out: {platform.machine()} is no x86-64")
        return
    limited = {**os.environ, **AVX2_ALONE}
    step("tests limited to AVX2", lambda: run(*PYTEST, "-m", "not slow", *NARROW_TESTS, env=limited))


def extension(arguments: Sequence[str]) -> None:
    """Needs no Blender; where there is one, its packaging tool looks at the zip. A zip that brings an engine
    holds the draft model's graphs, which torch makes once."""
    pins = PINS / "engine.txt"
    if any(argument.startswith("--platform") for argument in arguments):
        prepare_engine()
        step("the draft model's graphs", lambda: run(python_of(ENGINE), "-c", EXPORT))
    asked = ["-c", str(pins.relative_to(ROOT)), "hatchling", "lief", "packaging"]
    prepare(BUILD, Path(sys.executable), [pins], [asked])
    run(python_of(BUILD), "-m", "tools.extension", *arguments)


def versions(arguments: Sequence[str]) -> None:
    setup(BLENDERS)
    run(python_of(ENGINE), "tools/blender_versions.py", *arguments)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("command", choices=["demo", "test", "extension", "versions", "setup"])
    chosen, rest = parser.parse_known_args()
    commands = {
        "demo": lambda: demo(rest),
        "test": lambda: test(rest),
        "extension": lambda: extension(rest),
        "versions": lambda: versions(rest),
        "setup": lambda: setup(BLENDERS),
    }
    commands[chosen.command]()


if __name__ == "__main__":
    main()
