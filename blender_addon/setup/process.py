# SPDX-License-Identifier: GPL-3.0-or-later
"""A process that fetches for Blender: started, listened to, ended with all that it has started.

It knows no bpy, and nothing here blocks.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rotopoint.worker.client import SCRUBBED

LOG_BYTES = 16 << 10


@dataclass
class Report:
    """What the process has said: what it does, bytes out of bytes, and how it ended. `answer` is its last
    line as it came, `fault` why it failed, `error` what kind of failure that is."""

    text: str = ""
    done: int = 0
    total: int = 0
    answer: dict[str, object] | None = None
    fault: str = ""
    error: str = ""

    @property
    def fraction(self) -> float:
        return min(self.done / self.total, 1.0) if self.total else 0.0

    def take(self, line: str) -> None:
        """A line of JSON; others, which libraries may write, are passed over."""
        try:
            said = json.loads(line)
        except ValueError:
            return
        if not isinstance(said, dict):
            return
        if "fault" in said:
            self.fault, self.error = str(said["fault"]), str(said.get("error", ""))
        elif "made" in said:
            self.answer = said
        elif isinstance(said.get("done"), int) and isinstance(said.get("total"), int):
            self.text, self.done, self.total = str(said.get("text", "")), said["done"], said["total"]


class SetupProcess:
    """Runs a command that says how far it is in lines of JSON, with the `rotopoint` of a folder.

    `added` to Blender's environment. Raises OSError where it does not start.
    """

    def __init__(
        self, command: Sequence[str], package_folder: Path, added: Mapping[str, str] | None = None
    ) -> None:
        environment = {name: value for name, value in os.environ.items() if name not in SCRUBBED}
        environment |= {"PYTHONPATH": str(package_folder), "PYTHONSAFEPATH": "1", "PYTHONUTF8": "1"}
        environment |= added or {}
        self.report = Report()
        self.cancelled = False
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._log = ""
        self._ended = False
        flags = subprocess.CREATE_NO_WINDOW if sys.platform == "win32" else 0
        self._process = subprocess.Popen(
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            env=environment,
            creationflags=flags,
            start_new_session=True,
        )
        self._threads = [
            threading.Thread(target=work, name=f"set-up's {name}", daemon=True)
            for name, work in (("log", self._collect), ("lines", self._read))
        ]
        for thread in self._threads:
            thread.start()

    @property
    def running(self) -> bool:
        """Until its last line was taken in."""
        return not self._ended

    def poll(self) -> bool:
        """Take in what has come; whether anything has."""
        came = False
        while not self._ended:
            try:
                line = self._lines.get_nowait()
            except queue.Empty:
                break
            came = True
            if line is None:
                self._finish()
            else:
                self.report.take(line)
        return came

    def cancel(self) -> None:
        """End it with all that it has started; `poll` says when it has gone."""
        from rotopoint.environment.processes import end_tree

        self.cancelled = True
        if self._process.poll() is not None:
            # Its number may be another's by now.
            return
        # On Windows the tree is ended by another program, which takes a moment.
        threading.Thread(target=end_tree, args=(self._process.pid,), name="set-up's end", daemon=True).start()

    def wait(self, timeout: float) -> None:
        """For scripts: until it has ended. Raises TimeoutError."""
        self._threads[1].join(timeout)
        if self._threads[1].is_alive():
            raise TimeoutError("the engine's set-up has not finished")
        self.poll()

    def _finish(self) -> None:
        self._ended = True
        report = self.report
        if self.cancelled:
            report.fault = ""
        elif report.answer is None and not report.fault:
            said = self._log.strip().splitlines()
            report.fault = said[-1] if said else f"it ended with status {self._process.returncode}"

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as stream:
            for line in stream:
                self._lines.put(line)
        self._process.wait()
        # The last lines of the log tell why.
        self._threads[0].join(1.0)
        self._lines.put(None)

    def _collect(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as stream:
            for line in stream:
                self._log = (self._log + line)[-LOG_BYTES:]
