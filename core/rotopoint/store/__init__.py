# SPDX-License-Identifier: GPL-3.0-or-later
"""Track records on disk, read by NumPy alone."""

from __future__ import annotations

from rotopoint.store.records import Record, RecordLayout, TrackKey
from rotopoint.store.track_file import TrackFile
from rotopoint.store.track_store import TrackStore

__all__ = ["Record", "RecordLayout", "TrackFile", "TrackKey", "TrackStore"]
