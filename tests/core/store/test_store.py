# SPDX-License-Identifier: GPL-3.0-or-later
"""The store: records come back as they were, and a crash loses the one in flight at most."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rotopoint.errors import OutputUnwritable, StoreBusy
from rotopoint.shot.frames import SourceFrame
from rotopoint.store import Record, RecordLayout, TrackFile, TrackKey, TrackStore
from rotopoint.store.track_file import HEADER_BYTES

LAYOUT = RecordLayout(logit_size=4, pointer_size=3)
KEY = TrackKey("clip", "dog", "prompts", "draft", "default", "auto")


def record(frame: int, value: float = 1.0) -> Record:
    return Record(
        frame=SourceFrame(frame),
        logits=np.full((4, 4), value, np.float16),
        pointer=np.array([frame, value, -1], np.float32),
        object_score=value,
        predicted_iou=0.5,
        prompted=frame == 0,
    )


def written(path: Path, frames: range) -> Path:
    with TrackFile(path, LAYOUT, KEY, write=True) as track:
        for frame in frames:
            track.append(record(frame, frame + 0.5))
    return path


def test_records_come_back(tmp_path: Path) -> None:
    path = written(tmp_path / "größe/a.track", range(3))
    with TrackFile(path, LAYOUT, KEY, write=False) as track:
        assert track.frames() == (0, 1, 2)
        got = track.get(SourceFrame(1))
        assert got is not None
        np.testing.assert_array_equal(got.logits, record(1, 1.5).logits)
        np.testing.assert_array_equal(got.pointer, record(1, 1.5).pointer)
        assert (got.object_score, got.predicted_iou, got.prompted) == (1.5, 0.5, False)
        assert track.get(SourceFrame(7)) is None


def test_the_later_record_of_a_frame_counts(tmp_path: Path) -> None:
    path = written(tmp_path / "a.track", range(2))
    with TrackFile(path, LAYOUT, KEY, write=True) as track:
        track.append(record(0, 9.0))
    with TrackFile(path, LAYOUT, KEY, write=False) as track:
        assert len(track) == 2
        assert track.get(SourceFrame(0)).object_score == 9.0  # type: ignore[union-attr]


@settings(max_examples=60, deadline=None)
@given(cut=st.integers(0, HEADER_BYTES + 4 * LAYOUT.dtype.itemsize))
def test_a_file_cut_off_anywhere_keeps_its_whole_records(tmp_path_factory, cut: int) -> None:
    path = written(tmp_path_factory.mktemp("cut") / "a.track", range(4))
    with path.open("r+b") as file:
        file.truncate(cut)
    whole = max(0, (cut - HEADER_BYTES) // LAYOUT.dtype.itemsize)
    with TrackFile(path, LAYOUT, KEY, write=False) as track:
        assert track.frames() == tuple(range(whole))
    with TrackFile(path, LAYOUT, KEY, write=True) as track:
        for frame in range(whole, 4):
            track.append(record(frame, frame + 0.5))
    assert path.read_bytes() == written(path.with_name("undisturbed.track"), range(4)).read_bytes()


def test_a_damaged_record_and_what_follows_it_are_left_out(tmp_path: Path) -> None:
    path = written(tmp_path / "a.track", range(4))
    data = bytearray(path.read_bytes())
    data[HEADER_BYTES + LAYOUT.dtype.itemsize + 20] ^= 0xFF
    path.write_bytes(data)
    with TrackFile(path, LAYOUT, KEY, write=False) as track:
        assert track.frames() == (0,)


def test_another_layout_begins_anew(tmp_path: Path) -> None:
    path = written(tmp_path / "a.track", range(4))
    with TrackFile(path, RecordLayout(8, 3), KEY, write=True) as track:
        assert len(track) == 0


def test_one_process_writes_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "a.track"
    script = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[2])\n"
        "from tests.core.store.test_store import KEY, LAYOUT, TrackFile\n"
        "track = TrackFile(Path(sys.argv[1]), LAYOUT, KEY, write=True)\n"
        "print('locked', flush=True); sys.stdin.read()"
    )
    root = str(Path(__file__).parents[3])
    other = subprocess.Popen(
        [sys.executable, "-c", script, str(path), root], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert other.stdin is not None and other.stdout is not None
    assert other.stdout.readline().strip() == b"locked"
    with pytest.raises(StoreBusy):
        TrackFile(path, LAYOUT, KEY, write=True)
    # A lock ends with its process, however that ends.
    other.kill()
    other.wait()
    other.stdin.close()
    other.stdout.close()
    TrackFile(path, LAYOUT, KEY, write=True).close()


def test_a_disk_that_refuses_leaves_no_half_record(tmp_path: Path) -> None:
    class FullDisk:
        def __init__(self, file) -> None:
            self.file = file

        def __getattr__(self, name: str):
            return getattr(self.file, name)

        def write(self, data: bytes) -> int:
            return self.file.write(data[: len(data) // 2])

    path = written(tmp_path / "a.track", range(2))
    track = TrackFile(path, LAYOUT, KEY, write=True)
    real, track._file = track._file, FullDisk(track._file)  # type: ignore[assignment]
    with pytest.raises(OutputUnwritable):
        track.append(record(2))
    track._file = real
    track.append(record(3))
    track.close()
    with TrackFile(path, LAYOUT, KEY, write=False) as reopened:
        assert reopened.frames() == (0, 1, 3)


def test_the_store_tells_its_size_and_can_be_cleared(tmp_path: Path) -> None:
    store = TrackStore(tmp_path / "tracks")
    with store.open(KEY, LAYOUT, write=True) as track:
        track.append(record(0))
    assert store.size() == HEADER_BYTES + LAYOUT.dtype.itemsize
    assert len(list(store.tracks())) == 1
    store.clear()
    assert store.size() == 0
