# SPDX-License-Identifier: GPL-3.0-or-later
"""What may be read: regular files alone, under names that files can have."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rotopoint.files import NO_REGULAR_FILE, path_fault, require_regular_file


def test_a_regular_file_passes(tmp_path: Path) -> None:
    (tmp_path / "größe").write_bytes(b"")
    require_regular_file(tmp_path / "größe")


def test_what_would_never_end_or_wait_is_refused(tmp_path: Path) -> None:
    places = [tmp_path]
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        places += [tmp_path / "pipe", Path("/dev/zero")]
    for place in places:
        with pytest.raises(OSError, match=NO_REGULAR_FILE):
            require_regular_file(place)


def test_what_is_not_there_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        require_regular_file(tmp_path / "none")


@pytest.mark.parametrize("name", ["a\0b", "\ud800", "a\udfff"])
def test_names_that_no_file_can_have(tmp_path: Path, name: str) -> None:
    if os.name == "nt" and "\0" not in name:
        return
    with pytest.raises(OSError, match="a path must not contain"):
        require_regular_file(tmp_path / name)


def test_names_of_other_encodings_are_fine() -> None:
    assert path_fault("größe 影.png") is None
    assert path_fault(os.fsdecode(b"caf\xe9")) is None
