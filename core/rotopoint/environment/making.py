# SPDX-License-Identifier: GPL-3.0-or-later
"""Making an environment: look for room, install, try whether the engine runs, and only then the stamp."""

from __future__ import annotations

import json
import os
import queue
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rotopoint.environment.builds import Build
from rotopoint.environment.made import (
    PACKAGES,
    Made,
    alone_in,
    new_place,
    remove,
    remove_downloads,
    remove_unfinished,
    size_of,
    write_stamp,
)
from rotopoint.environment.packages import (
    Sources,
    digest,
    fault_of,
    install_arguments,
    install_environment,
)
from rotopoint.environment.processes import HIDDEN, PathT, of_any_length, scrubbed
from rotopoint.environment.pythons import ISOLATED, Python
from rotopoint.errors import EnvironmentBroken, OutputUnwritable, PackagesNotInstalled

TELL_SECONDS = 0.5

CHECK = (
    "import json; from rotopoint.cli.doctor import findings; "
    "print(json.dumps([[f.name, f.value] for f in findings()]))"
)
"""What the engine finds of its machine, as `rotopoint doctor` shows it."""

LONGEST_PATH = 140
"""Characters of the longest path that is read of the packages, from their folder on: in torch's."""

LONGEST_WRITTEN = 210
"""Characters of the longest path that pip writes, from the folder of environments on: a license of torch's,
171 of them in 2.13, in `tmp`, where packages lie before they go to their place."""

LONGEST_OF_WINDOWS = 259


@dataclass(frozen=True)
class Order:
    """What shall be made: in which folder, by which pins, of which build, for which interpreter, from where.

    `own`: the interpreter is that of Blender. `package_folder`: the folder that holds the `rotopoint` that
    shall run; `check`: a Python statement that says what it finds, as `CHECK`.
    """

    folder: Path
    lock: Path
    build: Build
    python: Python
    own: bool
    sources: Sources
    package_folder: Path
    check: str = CHECK

    @property
    def needed(self) -> int:
        """Bytes of disk at the most: what is downloaded lies there twice for a moment, beside what is
        installed."""
        downloaded = 0 if self.sources.folder is not None else 2 * self.build.download
        return (downloaded + self.build.installed) * 1_000_000


@dataclass(frozen=True)
class Progress:
    """What is being done, and bytes of the disk out of those that it will take, about."""

    text: str
    done: int
    total: int


Tell = Callable[[Progress], None]


def make(order: Order, tell: Tell, windows: bool = os.name == "nt") -> Made:
    """Make an environment beside those that are there, which go once it is whole.

    Raises EnvironmentBusy, OutputUnwritable, PackagesNotInstalled, EnvironmentBroken.
    """
    started = time.monotonic()
    try:
        with alone_in(order.folder):
            check_room(order, windows)
            # Half made ones first: they may be what fills the disk.
            remove_unfinished(order.folder)
            place = new_place(order.folder)
            made = _make_in(place, order, tell)
            made = replace(made, seconds=round(time.monotonic() - started, 1))
            write_stamp(made)
            remove_downloads(order.folder)
            try:
                remove(order.folder, but=made.packages)
            except OutputUnwritable:
                # An engine still runs with it; it counts as none, and goes the next time.
                pass
            return made
    except OSError as error:
        raise OutputUnwritable(order.folder, error.strerror or str(error)) from error


def check_room(order: Order, windows: bool) -> None:
    """Raises OutputUnwritable where the disk has too little, or paths would be longer than Windows takes."""
    free = shutil.disk_usage(order.folder).free
    if free < order.needed:
        reason = f"about {order.needed / 1e9:.1f} GB are needed there, {free / 1e9:.1f} GB are free"
        raise OutputUnwritable(order.folder, reason)
    longest = len(str(order.folder.absolute())) + LONGEST_PATH
    if windows and longest > LONGEST_OF_WINDOWS:
        reason = f"its path is {longest - LONGEST_OF_WINDOWS} characters too long for what is put there"
        raise OutputUnwritable(order.folder, reason)


def written_to(packages: PathT, folder: PathT, windows: bool = os.name == "nt") -> tuple[PathT, PathT]:
    """The folder of the packages and that of environments, both absolute, as pip is told them: as they are,
    where all that it writes is short enough for Windows."""
    if windows and len(str(folder)) + LONGEST_WRITTEN > LONGEST_OF_WINDOWS:
        return of_any_length(packages, windows), of_any_length(folder, windows)
    return packages, folder


def _make_in(place: Path, order: Order, tell: Tell) -> Made:
    packages = place / PACKAGES
    (order.folder / "tmp").mkdir(exist_ok=True)
    target, work = written_to(packages.absolute(), order.folder.absolute())
    environment = install_environment(os.environ, order.sources, work)
    for arguments in install_arguments(order.lock, order.build, order.sources, target):
        command = (order.python.executable, *ISOLATED, *order.python.pip, *arguments)
        status, output = _followed(command, environment, order, tell)
        if status != 0:
            raise PackagesNotInstalled(fault_of(output))
    tell(Progress("Trying the engine", order.needed, order.needed))
    findings = check(order.python.executable, order.package_folder, packages, order.check)
    size = size_of(packages)
    return Made(
        packages,
        digest(order.lock),
        order.build.name,
        order.python.executable,
        order.python.version,
        order.own,
        size,
        0.0,
        findings,
    )


def _followed(
    command: Sequence[str], environment: dict[str, str], order: Order, tell: Tell
) -> tuple[int, str]:
    """Run a command, and tell what it says and how far the disk has filled; its status and output."""
    output: list[str] = []
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        env=environment,
        creationflags=HIDDEN,
    ) as process:
        assert process.stdout is not None
        stream = process.stdout

        def read() -> None:
            for line in stream:
                lines.put(line)
            lines.put(None)

        threading.Thread(target=read, name="installer's lines", daemon=True).start()
        text, ended = "Looking for packages", False
        while not ended:
            done = min(size_of(order.folder), order.needed)
            tell(Progress(text, done, order.needed))
            deadline = time.monotonic() + TELL_SECONDS
            while not ended and (left := deadline - time.monotonic()) > 0:
                try:
                    line = lines.get(timeout=left)
                except queue.Empty:
                    break
                ended = line is None
                if line is not None:
                    output.append(line)
                    text = words_of(line) or text
        status = process.wait()
    return status, "".join(output)


def words_of(line: str) -> str | None:
    """What a line of pip's says to a person; None where it says nothing new."""
    line = line.strip()
    for begins in ("Downloading ", "Building wheel", "Installing collected packages"):
        if line.startswith(begins) and ".metadata" not in line:
            name = line.removeprefix("Downloading ")
            if begins == "Downloading ":
                # A wheel's name has its tags too.
                file, _, size = name.rpartition("/")[2].partition(" ")
                return f"Downloading {file.split('-')[0]} {size}".strip()
            return "Installing the packages" if begins.startswith("Inst") else "Building a package"
    return None


def check(python: str, package_folder: Path, packages: Path, statement: str) -> tuple[tuple[str, str], ...]:
    """What the engine finds, run with packages as the worker is. Raises EnvironmentBroken where it does not
    run, or not on torch."""
    environment = scrubbed(os.environ) | {
        "PYTHONPATH": os.pathsep.join((str(package_folder), str(packages))),
        "PYTHONSAFEPATH": "1",
        "PYTHONUTF8": "1",
    }
    done = subprocess.run(
        [python, "-s", "-c", statement],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        env=environment,
        creationflags=HIDDEN,
        check=False,
    )
    if done.returncode != 0:
        said = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        raise EnvironmentBroken(said[-1] if said else f"it ended with status {done.returncode}")
    try:
        found = tuple((str(name), str(value)) for name, value in json.loads(done.stdout.splitlines()[-1]))
    except (ValueError, TypeError, IndexError) as error:
        raise EnvironmentBroken("what it says of itself cannot be read") from error
    runtime = dict(found).get("runtime", "")
    if not runtime.startswith("torch"):
        raise EnvironmentBroken(runtime or "it has no runtime")
    return found
