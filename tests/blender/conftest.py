# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps the tests that import bpy out of the interpreters that have none."""

from __future__ import annotations

import importlib.util

collect_ignore = [] if importlib.util.find_spec("bpy") else ["inside"]
