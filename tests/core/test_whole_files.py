# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that are written whole or not at all, whoever holds what stood there before."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rotopoint.errors import OutputUnwritable
from rotopoint.messages import explain
from rotopoint.whole_files import replace_file, write_whole


@pytest.fixture
def full_disk(monkeypatch):
    """Every file takes three bytes, then the disk is full."""

    def write_bytes(path, content):
        with path.open("wb") as file:
            file.write(content[:3])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", write_bytes)


def test_a_full_disk_leaves_the_old_file_and_no_temporary_one(tmp_path, full_disk):
    path = tmp_path / "matte.0001.png"
    with path.open("wb") as file:
        file.write(b"old")
    with pytest.raises(OutputUnwritable) as caught:
        write_whole(path, b"new content")
    assert (caught.value.path, caught.value.reason) == (path, "no space left on device")
    assert list(tmp_path.iterdir()) == [path] and path.read_bytes() == b"old"


def test_a_folder_that_vanished(tmp_path):
    with pytest.raises(OutputUnwritable, match="no such file"):
        write_whole(tmp_path / "gone" / "matte.0001.png", b"new")


def test_a_folder_of_the_same_name_in_the_way(tmp_path):
    path = tmp_path / "matte.0001.png"
    path.mkdir()
    with pytest.raises(OutputUnwritable):
        write_whole(path, b"new")
    assert list(tmp_path.iterdir()) == [path]


LIMITED = """
import resource, sys
from pathlib import Path
from rotopoint.whole_files import write_whole
from rotopoint.errors import OutputUnwritable
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
path = Path(sys.argv[1])
write_whole(path, bytes(1000))
try:
    write_whole(path, bytes(1001))
except OutputUnwritable as error:
    sys.exit(0 if error.path == path else 3)
sys.exit(4)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits on file size are POSIX's")
def test_the_system_cuts_a_file_short(tmp_path):
    path = tmp_path / "matte.0001.png"
    subprocess.run([sys.executable, "-c", LIMITED, path], check=True)
    assert list(tmp_path.iterdir()) == [path] and path.stat().st_size == 1000


@pytest.mark.parametrize("lasting", [False, True])
def test_what_stood_there_is_replaced_and_nothing_is_left_beside_it(tmp_path, lasting):
    path = tmp_path / "Aufnahme ä.json"
    for content in (b"old", b"new"):
        write_whole(path, content, lasting=lasting)
        assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


def test_a_protected_file_stays_and_one_line_says_so(tmp_path):
    path = tmp_path / "s.json"
    path.write_bytes(b"old")
    path.chmod(0o444)
    with pytest.raises(OutputUnwritable) as caught:
        write_whole(path, b"new")
    assert explain(caught.value) == f"cannot write to {path}: the file is write-protected"
    assert list(tmp_path.iterdir()) == [path] and path.read_bytes() == b"old"
    path.chmod(0o644)


@pytest.mark.skipif(os.name == "nt", reason="who may read a file is said in other ways on Windows")
def test_who_may_read_a_file_stays_as_it_is(tmp_path):
    path = tmp_path / "s.json"
    path.write_bytes(b"old")
    path.chmod(0o600)
    write_whole(path, b"new")
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_name_that_no_system_takes(tmp_path):
    with pytest.raises(OutputUnwritable, match="null"):
        write_whole(tmp_path / "a\0b", b"new")


class Held:
    """A viewer that lets go of a file after so many tries to replace it, as on Windows."""

    def __init__(self, monkeypatch, tries):
        self.left, self.tries, replace = tries, 0, Path.replace

        def held(source, target):
            self.tries += 1
            if self.tries <= self.left:
                raise PermissionError(errno.EACCES, "Access is denied")
            return replace(source, target)

        monkeypatch.setattr(Path, "replace", held)


def test_a_file_that_a_viewer_holds_for_a_moment_is_replaced_after_it(tmp_path, monkeypatch):
    source, target = tmp_path / "a", tmp_path / "b"
    source.write_bytes(b"new")
    target.write_bytes(b"old")
    viewer = Held(monkeypatch, 3)
    replace_file(source, target, waits=[0.0] * 9)
    assert viewer.tries == 4
    assert target.read_bytes() == b"new" and not source.exists()


def test_one_that_is_never_let_go_is_given_up(tmp_path, monkeypatch):
    (tmp_path / "a").write_bytes(b"new")
    viewer = Held(monkeypatch, 100)
    with pytest.raises(PermissionError):
        replace_file(tmp_path / "a", tmp_path / "b", waits=[0.0] * 9)
    assert viewer.tries == 10


def test_other_faults_are_not_tried_again(tmp_path):
    waits = iter([0.0, 0.0])
    with pytest.raises(FileNotFoundError):
        replace_file(tmp_path / "a", tmp_path / "b", waits=waits)
    assert list(waits) == [0.0]
