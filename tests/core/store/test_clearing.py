# SPDX-License-Identifier: GPL-3.0-or-later
"""Clearing the store removes what it has written, and nothing else."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from rotopoint.cli import main
from rotopoint.errors import NoStore
from rotopoint.store import TrackStore
from rotopoint.store.track_file import HEADER_BYTES
from tests.core.store.test_store import KEY, LAYOUT, record

STRANGERS = (
    "film.blend",
    "plates/sh010/plate.track",
    "cl/clip/notes.track",
    f"cl/clip/{'0' * 40}.track",
    f"cl/other/{'1' * 40}.txt",
    "cl/clip/render.lock",
    f"{'2' * 40}.track",
)
"""Files of a film's project, some called much like ours."""


def filled(folder: Path, *subjects: str) -> TrackStore:
    """A store with a track of one record for each subject, and its lock."""
    store = TrackStore(folder)
    for subject in subjects:
        key = replace(KEY, subject=subject)
        lock = store.lock(key)
        with store.open(key, LAYOUT, write=True) as track:
            track.append(record(0))
        lock.release()
    return store


def content(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()
    }


def test_a_store_tells_its_size_and_is_empty_once_cleared(tmp_path: Path) -> None:
    store = filled(tmp_path / "tracks", "dog", "cat")
    size = 2 * (HEADER_BYTES + LAYOUT.dtype.itemsize)
    assert store.size() == size and len(list(store.tracks())) == 2
    cleared = store.clear()
    assert (cleared.tracks, cleared.size, cleared.left) == (2, size, ())
    assert list(store.folder.iterdir()) == []


def test_what_lies_in_the_same_folder_stays(tmp_path: Path) -> None:
    for name in STRANGERS:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"{not a track}")
    (tmp_path / "empty").mkdir()
    before = content(tmp_path)
    store = filled(tmp_path, "dog")
    assert len(list(store.tracks())) == 1
    assert store.clear().tracks == 1
    assert content(tmp_path) == before
    assert (tmp_path / "empty").is_dir()


@pytest.mark.parametrize("cut", [0, 5, 100, HEADER_BYTES])
def test_a_track_that_was_cut_off_in_its_first_bytes_is_cleared_too(tmp_path: Path, cut: int) -> None:
    store = filled(tmp_path, "dog")
    os.truncate(next(store.tracks()), cut)
    assert store.clear().tracks == 1
    assert list(tmp_path.iterdir()) == []


def test_a_track_that_is_being_written_stays_and_is_told(tmp_path: Path) -> None:
    store = filled(tmp_path, "dog", "cat")
    lock = store.lock(replace(KEY, subject="dog"))
    cleared = store.clear()
    assert cleared.tracks == 1
    assert cleared.left == ((store.path(replace(KEY, subject="dog")), "another process is writing it"),)
    lock.release()
    assert store.clear().tracks == 1
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_removed_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    store = filled(tmp_path, "dog", "cat")
    kept = store.path(replace(KEY, subject="dog"))
    unlink = Path.unlink

    def refused(path: Path, missing_ok: bool = False) -> None:
        if path == kept:
            raise PermissionError(13, "Permission denied")
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", refused)
    assert main(["store", "clear", "--store", str(tmp_path)]) == 1
    out, err = capsys.readouterr()
    assert out.startswith("1 tracks of ")
    assert err == f"rotopoint: could not remove {kept}: permission denied; run it again later\n"


@pytest.mark.parametrize("place", ["project", "project/film.blend"])
def test_a_folder_that_is_no_store_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], place: str
) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "film.blend").write_bytes(b"years of work")
    with pytest.raises(NoStore):
        TrackStore(tmp_path / place).clear()
    assert main(["store", "clear", "--store", str(tmp_path / place)]) == 2
    assert f"{tmp_path / place} is no store of tracks: " in capsys.readouterr().err
    assert (tmp_path / "project" / "film.blend").read_bytes() == b"years of work"


def test_where_nothing_was_stored_yet_nothing_is_to_be_cleared(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("empty", "not there"):
        assert TrackStore(tmp_path / name).clear().tracks == 0
    assert (tmp_path / "empty").is_dir() and not (tmp_path / "not there").exists()


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege on Windows")
def test_what_a_link_leads_to_stays(tmp_path: Path) -> None:
    elsewhere = filled(tmp_path / "elsewhere", "dog")
    track = next(elsewhere.tracks())
    store = filled(tmp_path / "store", "cat")
    link = next(store.tracks()).with_name(track.name)
    link.symlink_to(track)
    store.clear()
    assert track.is_file() and not (tmp_path / "store" / "cl").exists()
    shutil.rmtree(tmp_path / "elsewhere")
