# SPDX-License-Identifier: GPL-3.0-or-later
"""A Blender with windows on a virtual screen: asked from outside, clicked with a real pointer.

`../shared/tools/real-blender` provides it, in a Debian of its own on the same machine: the paths of the
project and of temporary folders are the same inside, and programs of the outer machine run by `chroot /host`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

ROOT = Path(__file__).resolve().parents[2]
TOOL = ROOT.parent / "shared" / "tools" / "real-blender"
SESSION = Path(__file__).with_name("session.py")
SUITES = {"4.3": "trixie", "5.2": "sid"}
"""The Blenders that the tool provides, and how it calls their Debians."""

SCREEN = (1600, 900)

READY_SECONDS = 900
"""Where the tool has to build its Debian first, that takes minutes."""


class Unavailable(Exception):
    """No Blender with windows is to be had; the text says why."""


def build(version: str) -> None:
    """Let the tool build its Debian where it has not. Raises Unavailable."""
    if not TOOL.is_file():
        raise Unavailable(f"{TOOL} is not there")
    done = subprocess.run(
        [str(TOOL), "up"], env=_environment(version), capture_output=True, text=True, timeout=READY_SECONDS
    )
    if done.returncode != 0:
        raise Unavailable((done.stderr or "it ended without a word").strip().splitlines()[-1])


def engine_command() -> list[str]:
    """The engine of this interpreter's environment, started from inside."""
    return ["chroot", "/host", sys.executable, "-m", "rotopoint.worker"]


def fake_engine_command(*options: str) -> list[str]:
    """The worker without a model."""
    fake = ROOT / "tests" / "worker" / "fake_worker.py"
    return ["chroot", "/host", sys.executable, str(fake), *options]


class WindowedBlender:
    """What a test can do to it. `folder` gets the screenshots."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self._process = process
        self._ended = False
        self.folder = folder

    @property
    def is_open(self) -> bool:
        """Whether it has not been closed, as far as anybody has asked."""
        return not self._ended

    def ask(self, code: str) -> Any:
        """Run Python in Blender's main thread; what it leaves in `answer`, as JSON carries it."""
        return self._send({"do": "ask", "code": code})

    def invoke(self, operator: str, **properties: object) -> None:
        """Start an operator as a button of the sidebar does, which then waits for the pointer."""
        call = f"bpy.ops.{operator}('INVOKE_DEFAULT', **{properties!r})"
        self.ask(f"with clip_editor('UI'):\n    {call}\nanswer = None")

    def at(self, x: float, y: float) -> tuple[int, int]:
        """Where a place of the clip, 0..1 and y up, is on the screen."""
        across, down = self.ask(f"answer = on_screen({x}, {y})")
        return across, down

    def move(self, x: float, y: float) -> None:
        """Put the pointer over a place of the clip."""
        self.pointer("mousemove", *self.at(x, y))

    def click(self, x: float, y: float, button: int = 1) -> None:
        """Press and release a button of the mouse over a place of the clip."""
        self.move(x, y)
        self.pointer("click", button)

    def drag(self, *places: tuple[float, float]) -> None:
        """Press at the first place of the clip, move over the others, release."""
        self.move(*places[0])
        self.pointer("mousedown", 1)
        for place in places[1:]:
            self.move(*place)
        self.pointer("mouseup", 1)

    def key(self, name: str) -> None:
        """Press a key, as xdotool names it, where the pointer is."""
        self.pointer("key", name)

    def pointer(self, *words: object) -> None:
        self._send({"do": "xdotool", "words": [str(word) for word in words]})

    def until(self, condition: str, seconds: float = 60.0) -> None:
        """Wait for a condition in Blender. Raises TimeoutError."""
        deadline = time.monotonic() + seconds
        while not self.ask(f"answer = bool({condition})"):
            if time.monotonic() > deadline:
                self.screenshot("timeout")
                raise TimeoutError(f"it did not come: {condition}")
            time.sleep(0.02)

    def until_answer(self, code: str, expected: object, seconds: float = 20.0) -> None:
        """Wait until a question has an answer: events that were sent take their time. Asserts it."""
        deadline = time.monotonic() + seconds
        while (found := self.ask(code)) != expected and time.monotonic() < deadline:
            time.sleep(0.05)
        assert found == expected

    def until_shown(
        self, name: str, condition: Callable[[npt.NDArray[np.uint8]], bool], seconds: float = 20.0
    ) -> None:
        """Wait until the screen is as is meant: what Blender knows it draws at a later redraw. Asserts it."""
        deadline = time.monotonic() + seconds
        while not (shown := condition(self.screenshot(name))) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert shown, f"it was not shown: {name}"

    def steady_screenshot(self, name: str, seconds: float = 20.0) -> npt.NDArray[np.uint8]:
        """The screen once two in a row, with a redraw of all between, are the same. Asserts it."""
        deadline = time.monotonic() + seconds
        earlier = self.screenshot(name)
        while True:
            self.ask("for each in bpy.context.window.screen.areas:\n    each.tag_redraw()\nanswer = None")
            now = self.screenshot(name)
            if np.array_equal(earlier, now):
                return now
            assert time.monotonic() < deadline, f"it went on changing: {name}"
            earlier = now

    def set_worker(self, seconds: float) -> None:
        """Let the worker without a model take so long for a frame, from its next start on."""
        command = fake_engine_command("--slow", str(seconds))
        self.ask(
            "part('host').engine.close()\n"
            f"preferences.addons[MODULE].preferences.engine = join({command!r})\nanswer = None"
        )

    def screenshot(self, name: str) -> npt.NDArray[np.uint8]:
        """(height, width, 3) uint8 BGR of the whole screen, also written to the folder as NAME.png."""
        path = self.folder / f"{name}.png"
        self._send({"do": "screenshot", "path": str(path)})
        picture = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
        return np.asarray(picture, np.uint8)

    def _send(self, command: dict[str, object]) -> Any:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("Blender has ended; see its log")
        said = json.loads(line)
        if "error" in said:
            self._ended = said["error"].startswith("Blender ended")
            raise RuntimeError(said["error"])
        return said["answer"]


@contextmanager
def windowed_blender(
    version: str,
    package: Path | None,
    folder: Path,
    engine: Sequence[str],
    screen: tuple[int, int] = SCREEN,
    *,
    shown: Sequence[Path] = (),
    network: bool = True,
) -> Iterator[WindowedBlender]:
    """Blender with the extension `package` installed and its engine set, as large as the screen of this width
    and height; its log goes to `folder`.

    Without a `package` it is a Blender as it comes, splash screen and all. `shown`: more folders of the outer
    machine that it sees at their places. Without `network` nothing in it has a socket to anywhere else.
    """
    alone = () if network else ("unshare", "--net")
    command = [*alone, TOOL, "run", "python3", SESSION, package or "", folder, json.dumps(list(engine))]
    width, height = screen
    environment = _environment(version) | {
        "BIND": " ".join(map(str, (ROOT.parent, folder, *shown))),
        "SCREEN": f"{width}x{height}x24",
    }
    with (folder / "blender.log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            list(map(str, command)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env=environment,
            cwd=ROOT,
            text=True,
        )
        try:
            blender = WindowedBlender(process, folder)
            blender.ask("answer = bpy.app.version_string")
            yield blender
        finally:
            assert process.stdin is not None
            process.stdin.close()
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _environment(version: str) -> dict[str, str]:
    return os.environ | {"SUITE": SUITES[version]}
