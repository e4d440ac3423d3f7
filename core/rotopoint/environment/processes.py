# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs between systems: processes without a console window that are ended with all that they have
started, and paths of any length."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import PurePath
from typing import TypeVar

HIDDEN = 0x08000000 if sys.platform == "win32" else 0
"""Windows' CREATE_NO_WINDOW, for `creationflags`."""

PathT = TypeVar("PathT", bound=PurePath)

KILL_SECONDS = 10.0

SCRUBBED = frozenset(
    ("PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP", "PYTHONEXECUTABLE", "__PYVENV_LAUNCHER__")
    + ("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_USER", "PIP_REQUIRE_VIRTUALENV", "PIP_DRY_RUN")
    + ("PIP_LOG", "PIP_QUIET", "PIP_NO_DEPS", "PIP_REQUIREMENT", "PIP_PYTHON")
)


def end_tree(process_id: int) -> None:
    """End a process that leads a session of its own (`start_new_session`), and all that it has started.

    Does nothing where it is gone. Raises nothing: what cannot be ended ends with its input.
    """
    if sys.platform == "win32":
        command = ["taskkill", "/PID", str(process_id), "/T", "/F"]
        with suppress(OSError, subprocess.TimeoutExpired):
            subprocess.run(
                command, capture_output=True, creationflags=HIDDEN, timeout=KILL_SECONDS, check=False
            )
        return
    try:
        os.killpg(process_id, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        # Gone, or a number that is another's by now.
        return


def of_any_length(path: PathT, windows: bool = os.name == "nt") -> PathT:
    """An absolute path by which Windows finds a file that has more than 259 characters too, whatever is set.

    Microsoft, "Maximum Path Length Limitation". Elsewhere the path itself.
    """
    text = str(path)
    if not windows or text.startswith("\\\\?\\"):
        return path
    share = text.startswith("\\\\")
    return type(path)(f"\\\\?\\UNC\\{text[2:]}" if share else f"\\\\?\\{text}")


def scrubbed(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment less what a host such as Blender sets for its own interpreter, and less what would send
    pip elsewhere."""
    return {name: value for name, value in environment.items() if name.upper() not in SCRUBBED}
