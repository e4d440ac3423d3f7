# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m rotopoint.checkpoints.fetching`: which checkpoints are here, and downloads of others.

For Blender, which never waits: a line of JSON each on stdout, the last with `made` or `fault`. It ends when
its input does; what came so far is kept, and the next download goes on from there.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rotopoint.checkpoints.catalog import locate, registered, registry
from rotopoint.checkpoints.downloads import DownloadPolicy
from rotopoint.checkpoints.verification import get, verify
from rotopoint.environment.machine import this_machine
from rotopoint.errors import Cancelled, RotopointError
from rotopoint.messages import explain

TELL_SECONDS = 0.3

Say = Callable[[dict[str, Any]], None]


def here(folder: Path | None = None) -> list[str]:
    """The names of the registered checkpoints whose files are there."""
    return [checkpoint.name for checkpoint in registry() if locate(checkpoint, folder).is_file()]


def fetch(
    name: str,
    say: Say,
    folder: Path | None = None,
    policy: DownloadPolicy | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Path:
    """Download a checkpoint where it is missing or damaged, and say how far that is.

    Raises CheckpointUnknown, DownloadFailed, OutputUnwritable, Cancelled.
    """
    told = 0.0

    def progress(done: int, total: int | None) -> None:
        nonlocal told
        if time.monotonic() - told > TELL_SECONDS:
            told = time.monotonic()
            say({"text": f"Downloading {name}", "done": done, "total": total or 0})

    return get(registered(name), folder, progress, cancelled, policy)


def main(arguments: Sequence[str] | None = None) -> int:
    do, *names = sys.argv[1:] if arguments is None else arguments
    ended = threading.Event()
    threading.Thread(target=_watch_input, args=(ended,), name="input", daemon=True).start()
    try:
        for name in names:
            if do == "get":
                fetch(name, _say, cancelled=ended.is_set)
            else:
                verify(registered(name)).require_whole()
        card = this_machine().nvidia
        _say({"made": "", "here": here(), "gpu": 0 if card is None else card.memory << 20})
        return 0
    except Cancelled as error:
        return error.exit_code
    except (RotopointError, OSError) as error:
        _say({"fault": explain(error), "error": type(error).__name__})
        return 1


def _say(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def _watch_input(ended: threading.Event) -> None:
    while os.read(0, 1024):
        pass
    ended.set()


if __name__ == "__main__":
    sys.exit(main())
