# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the tests of this folder in the interpreter of a bpy wheel: python run.py [pytest's arguments]."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

if __name__ == "__main__":
    status = pytest.main(["-p", "no:cacheprovider", str(Path(__file__).parent), *sys.argv[1:]])
    sys.stdout.flush()
    sys.stderr.flush()
    # Some versions of bpy crash or hang as the interpreter ends.
    os._exit(status)
