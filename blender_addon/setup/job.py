# SPDX-License-Identifier: GPL-3.0-or-later
"""The one set-up of this Blender: what it is at, and what there is of an environment."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import bpy

from rotopoint.errors import EnvironmentBusy

from .. import host, offer, windows
from ..faults import TOLD, Refused, line
from ..package import blenders_python, package_folder
from ..preferences import preferences
from .process import Report, SetupProcess

TICK_SECONDS = 0.2

MADE = "The engine is set up"


@dataclass
class Job:
    """`doing` is what the process was started for: look, make, remove. `command` is its, as long as it waits
    for the engine's end. `seen` is the answer to the last look: what would be downloaded, by the preferences
    that were `asked`. `word` tells how the last ended."""

    process: SetupProcess | None = None
    command: tuple[str, ...] = ()
    doing: str = ""
    seen: dict[str, object] | None = None
    asked: tuple[str, ...] = ()
    word: str = ""
    failed: bool = False
    report: Report = field(default_factory=Report)

    @property
    def running(self) -> bool:
        return self.process is not None or bool(self.command)


job = Job()


def arguments(do: str, folder: Path) -> list[str]:
    """Those of the process, by the preferences. Raises Refused."""
    chosen, pins = preferences(), offer.lock()
    if pins is None:
        raise Refused("This build sets up no engine: its platform's rules forbid that")
    words = [do, "--folder", str(folder), "--lock", str(pins), "--build", chosen.build]
    words += ["--package-folder", str(package_folder()), "--own", _own_python()]
    if chosen.setup_python:
        words += ["--python", bpy.path.abspath(chosen.setup_python)]
    if chosen.package_index:
        words += ["--packages", _index(chosen.package_index)]
    if chosen.torch_index:
        words += ["--torch", _index(chosen.torch_index)]
    return words


def _own_python() -> str:
    try:
        return blenders_python()[0]
    except Refused:
        return ""


def _index(text: str) -> str:
    """An address as it is, a folder in whole."""
    return text if "://" in text else bpy.path.abspath(text)


def wanted() -> tuple[str, ...]:
    """What the preferences ask of a set-up."""
    chosen = preferences()
    return (chosen.build, chosen.package_index, chosen.torch_index, chosen.setup_python)


def looked_at() -> dict[str, object] | None:
    """The answer to the last look, as long as the preferences ask the same."""
    return job.seen if job.asked == wanted() else None


def needs_network() -> bool:
    """Whether making asks anything beyond this machine."""
    index = preferences().package_index
    return not index or "://" in index and not index.startswith("file:")


def start(do: str) -> None:
    """Let the process look, make or remove. Raises RotopointError."""
    if job.running:
        raise Refused("The engine's set-up is under way")
    if do == "make" and needs_network():
        offer.require_online()
    folder = offer.environment_folder(create=True)
    if folder is None:
        raise Refused("Install Rotopoint as an extension first: its packages go to the extension's folder")
    words = arguments(do, folder)
    runner = _own_python() or bpy.path.abspath(preferences().setup_python)
    if not runner:
        raise Refused("This Blender has no Python of its own: name one under Install for")
    job.command = (runner, "-s", "-m", "rotopoint.environment", *words)
    job.asked = wanted()
    job.doing, job.word, job.failed, job.report = do, "", False, Report()
    if do == "remove":
        host.engine.close()
        job.report.text = "The engine ends"
    _begin()
    if not bpy.app.background:
        bpy.app.timers.register(_tick, first_interval=TICK_SECONDS, persistent=True)


def _begin() -> None:
    """Start the process, to remove no sooner than the engine has ended: Windows removes nothing that is in
    use. Raises Refused."""
    if job.doing == "remove" and host.engine.ending:
        return
    command, job.command = job.command, ()
    try:
        job.process = SetupProcess(command, package_folder())
    except OSError as error:
        raise Refused(f"{command[0]} does not start: {error.strerror or error}") from error
    job.report = job.process.report


def wait(timeout: float) -> None:
    """For scripts: until the process has ended. Raises TimeoutError."""
    if job.command:
        host.engine.wait_until_closed()
        listen()
    if job.process is not None:
        job.process.wait(timeout)
        listen()


def cancel() -> None:
    if job.command:
        job.command, job.word = (), "Cancelled; nothing was removed"
        windows.redraw()
    if job.process is not None:
        job.process.cancel()


def listen() -> None:
    """Begin what waits, and take in what the process has said."""
    if job.command:
        try:
            _begin()
        except TOLD as error:
            job.word, job.failed = line(error), True
            windows.redraw()
    process = job.process
    if process is None:
        return
    came = process.poll()
    if not process.running:
        job.process = None
        _ended(process)
    if came or job.process is None:
        windows.redraw()


def _ended(process: SetupProcess) -> None:
    report = process.report
    job.failed = bool(report.fault)
    if process.cancelled:
        job.word = "Cancelled; what was downloaded is kept for the next try"
        if (folder := offer.environment_folder()) is not None:
            threading.Thread(target=_clean, args=(folder,), name="set-up's rest", daemon=True).start()
    elif report.fault:
        job.word = report.fault[:1].upper() + report.fault[1:]
    elif job.doing == "look":
        job.seen = report.answer
    elif job.doing == "make":
        job.word, job.seen = MADE, None
        # The one that runs is another one.
        host.engine.close()
    else:
        job.word = "The engine's packages are removed"


def _tick() -> float | None:
    listen()
    return TICK_SECONDS if job.running else None


def _clean(folder: Path) -> None:
    """On a thread of its own: remove gigabytes that a cancelled set-up has begun; downloads stay."""
    from rotopoint.environment.made import alone_in, remove_unfinished

    # What another one is at, or Windows still holds, goes before the next set-up begins.
    with suppress(OSError, EnvironmentBusy), alone_in(folder):
        remove_unfinished(folder)


def leave() -> None:
    """Blender or the add-on ends: nothing goes on installing."""
    cancel()
    job.process = None
    if not bpy.app.background and bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
