# SPDX-License-Identifier: GPL-3.0-or-later
"""Folders that cannot be written, disks that are full: nothing half-written."""

import errno
from pathlib import Path

import pytest

from rotopoint.deliver.output_folder import check_folder, make_folder, require_space
from rotopoint.errors import OutputUnwritable


@pytest.fixture
def full_disk(monkeypatch):
    """Every file takes three bytes, then the disk is full."""

    def write_bytes(path, content):
        with path.open("wb") as file:
            file.write(content[:3])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", write_bytes)


def test_a_folder_is_proven_and_nothing_is_left_of_it(tmp_path):
    folder = tmp_path / "neuer Ordner" / "Matten ä"
    check_folder(folder)
    assert not list(tmp_path.iterdir())
    make_folder(folder)
    check_folder(folder)
    assert folder.is_dir() and not list(folder.iterdir())


@pytest.mark.parametrize(
    ("folder", "names"),
    [
        ("a" * 300, []),
        ("b/" + "a" * 300, []),
        ("b", ["fine.png", "é" * 140 + ".png"]),
        ("b\0", []),
        ("\ud800", []),
    ],
)
def test_names_that_the_file_system_cannot_hold(tmp_path, folder, names):
    with pytest.raises(OutputUnwritable):
        check_folder(tmp_path / folder, names)
    assert not list(tmp_path.iterdir())


def test_files_of_an_existing_folder_stay(tmp_path):
    (tmp_path / "matte.0001.png").write_bytes(b"mine")
    check_folder(tmp_path)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"mine"]


def test_a_file_in_the_way(tmp_path):
    (tmp_path / "file").write_bytes(b"mine")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(OutputUnwritable) as caught:
            check_folder(folder)
        assert caught.value.path == folder
    assert (tmp_path / "file").read_bytes() == b"mine"


def test_what_was_made_is_removed_where_no_file_can_be_written(tmp_path, full_disk):
    (tmp_path / "old").mkdir()
    with pytest.raises(OutputUnwritable, match="no space left"):
        check_folder(tmp_path / "old" / "new" / "newer")
    assert list(tmp_path.iterdir()) == [tmp_path / "old"] and not list((tmp_path / "old").iterdir())


@pytest.mark.skipif(
    not Path("/proc/self").is_dir(), reason="needs Linux's /proc, where no folder can be made"
)
def test_a_folder_that_the_system_refuses():
    folder = Path("/proc/rotopoint/mattes")
    with pytest.raises(OutputUnwritable) as caught:
        check_folder(folder)
    assert caught.value.path == folder and caught.value.reason


def test_room_is_asked_for(tmp_path):
    require_space(tmp_path, 1)
    with pytest.raises(OutputUnwritable) as caught:
        require_space(tmp_path, 10**18)
    assert caught.value.path == tmp_path
    assert caught.value.reason.startswith("1,000,000,000,000.0 MB are needed, ")


def test_room_in_a_folder_that_is_not_there_is_that_of_its_disk(tmp_path):
    require_space(tmp_path / "none" / "yet", 1)
    with pytest.raises(OutputUnwritable):
        require_space(tmp_path / "none" / "yet", 1 << 62)
