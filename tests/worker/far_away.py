# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands in for `ssh`: the worker behind a line that takes its time, in an environment of its own.

Run as: python far_away.py SECONDS COMMAND ...
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from typing import BinaryIO


def carry(source: BinaryIO, sink: BinaryIO, seconds: float) -> None:
    while data := source.read1(65536):  # type: ignore[attr-defined]
        time.sleep(seconds)
        sink.write(data)
        sink.flush()
    sink.close()


def main() -> None:
    seconds, command = float(sys.argv[1]), sys.argv[2:]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=dict(os.environ))
    assert process.stdin is not None and process.stdout is not None
    there = threading.Thread(target=carry, args=(sys.stdin.buffer, process.stdin, seconds), daemon=True)
    there.start()
    carry(process.stdout, sys.stdout.buffer, seconds)
    sys.exit(process.wait())


if __name__ == "__main__":
    main()
