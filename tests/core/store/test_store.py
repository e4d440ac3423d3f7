# SPDX-License-Identifier: GPL-3.0-or-later
"""The store: records come back as they were, and a crash loses the one in flight at most."""

import os
import subprocess
import sys
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rotopoint.errors import OutputUnwritable, StoreBusy, TrackUnreadable
from rotopoint.messages import explain
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


def damage(path: Path, number: int) -> None:
    """Flip bits of a record, by its place in the file."""
    data = bytearray(path.read_bytes())
    data[HEADER_BYTES + number * LAYOUT.dtype.itemsize + 20] ^= 0xFF
    path.write_bytes(data)


def test_a_damaged_record_is_as_if_it_were_not_there(tmp_path: Path) -> None:
    path = written(tmp_path / "a.track", range(4))
    damage(path, 1)
    with TrackFile(path, LAYOUT, KEY, write=False) as track:
        assert SourceFrame(1) not in track and track.get(SourceFrame(1)) is None
        assert track.frames() == (0, 2, 3)
    with TrackFile(path, LAYOUT, KEY, write=True) as track:
        track.append(record(1, 1.5))
    with TrackFile(path, LAYOUT, KEY, write=False) as track:
        assert track.get(SourceFrame(1)).object_score == 1.5  # type: ignore[union-attr]
        assert track.frames() == (0, 1, 2, 3)


@settings(max_examples=60, deadline=None)
@example(place=HEADER_BYTES + LAYOUT.dtype.itemsize, bit=0)
@given(place=st.integers(0, HEADER_BYTES + 4 * LAYOUT.dtype.itemsize - 1), bit=st.integers(0, 7))
def test_a_bit_flipped_anywhere_never_gives_another_record(tmp_path_factory, place: int, bit: int) -> None:
    path = written(tmp_path_factory.mktemp("flipped") / "a.track", range(4))
    data = bytearray(path.read_bytes())
    data[place] ^= 1 << bit
    path.write_bytes(data)
    with TrackFile(path, LAYOUT, KEY, write=False) as track:
        found = [n for n in range(4) if SourceFrame(n) in track]
        assert [track.get(SourceFrame(n)).object_score for n in found] == [n + 0.5 for n in found]  # type: ignore[union-attr]
        # One that carries another's number by now hides that one.
        hides = place >= HEADER_BYTES and (place - HEADER_BYTES) % LAYOUT.dtype.itemsize < 4
        assert len(found) in ((0,) if place < HEADER_BYTES else (2, 3) if hides else (3,))


def test_a_record_that_is_damaged_while_it_is_in_use_is_told(tmp_path: Path) -> None:
    path = written(tmp_path / "a.track", range(4))
    with TrackFile(path, LAYOUT, KEY, write=False) as track:
        assert SourceFrame(1) in track and track.get(SourceFrame(2)) is not None
        damage(path, 1)
        with pytest.raises(TrackUnreadable) as caught:
            track.get(SourceFrame(1))
        assert explain(caught.value).startswith(
            f"cannot read the stored track {path}: the record of picture 1"
        )
        with path.open("r+b") as file:
            file.truncate(HEADER_BYTES + LAYOUT.dtype.itemsize + 7)
        with pytest.raises(TrackUnreadable):
            track.get(SourceFrame(2))
        assert track.get(SourceFrame(0)) is not None and track.get(SourceFrame(3)) is None


def test_a_store_that_is_removed_or_cut_off_while_it_is_written_is_told(tmp_path: Path) -> None:
    with TrackFile(tmp_path / "a.track", LAYOUT, KEY, write=True) as track:
        track.append(record(0))
        os.truncate(track.path, HEADER_BYTES + LAYOUT.dtype.itemsize // 2)
        with pytest.raises(OutputUnwritable, match="cut off"):
            track.append(record(1))
    with TrackFile(tmp_path / "a.track", LAYOUT, KEY, write=True) as track:
        track.append(record(0))
        # Where an open file cannot be removed it is closed first.
        track.close()
        track.path.unlink()
        with pytest.raises(OutputUnwritable):
            track.append(record(1))
        with pytest.raises(TrackUnreadable):
            track.get(SourceFrame(0))


@pytest.mark.skipif(os.name == "nt", reason="Windows removes no open file")
def test_an_open_file_that_is_removed_takes_no_more_records(tmp_path: Path) -> None:
    with TrackFile(tmp_path / "a.track", LAYOUT, KEY, write=True) as track:
        track.append(record(0))
        track.path.unlink()
        with pytest.raises(OutputUnwritable, match="removed while it was in use"):
            track.append(record(1))


def test_opening_reads_frame_numbers_and_the_end_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / "a.track", range(50))
    checked: list[int] = []
    monkeypatch.setattr(
        "rotopoint.store.track_file.zlib.crc32",
        lambda block, crc32=zlib.crc32: checked.append(len(block)) or crc32(block),
    )
    with TrackFile(path, LAYOUT, KEY, write=False) as track:
        assert checked == []
        assert track.get(SourceFrame(7)) is not None and len(checked) == 1
    with TrackFile(path, LAYOUT, KEY, write=True):
        assert len(checked) == 2


def test_a_track_under_anothers_name_has_no_records(tmp_path: Path) -> None:
    path = written(tmp_path / "a.track", range(4))
    other = replace(KEY, prompts="others")
    assert TrackFile(path, LAYOUT, other, write=False).frames() == ()
    assert TrackFile(path, RecordLayout(4, 3, "float32"), KEY, write=False).frames() == ()
    path.write_bytes(b"no track at all")
    assert TrackFile(path, LAYOUT, KEY, write=False).frames() == ()


def test_a_key_that_no_header_has_room_for_is_told_apart_all_the_same(tmp_path: Path) -> None:
    long, other = (replace(KEY, subject=5000 * "\U0001f415" + end) for end in "ab")
    with TrackFile(tmp_path / "a.track", LAYOUT, long, write=True) as track:
        track.append(record(0))
    assert TrackFile(tmp_path / "a.track", LAYOUT, long, write=False).frames() == (0,)
    assert TrackFile(tmp_path / "a.track", LAYOUT, other, write=False).frames() == ()


def test_another_layout_begins_anew(tmp_path: Path) -> None:
    path = written(tmp_path / "a.track", range(4))
    with TrackFile(path, RecordLayout(8, 3), KEY, write=True) as track:
        assert len(track) == 0


def test_one_process_writes_a_subjects_tracks_at_a_time(tmp_path: Path) -> None:
    store = TrackStore(tmp_path / "Speicher ä")
    script = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[2])\n"
        "from tests.core.store.test_store import KEY, TrackStore\n"
        "lock = TrackStore(Path(sys.argv[1])).lock(KEY)\n"
        "print('locked', flush=True); sys.stdin.read()"
    )
    root = str(Path(__file__).parents[3])
    other = subprocess.Popen(
        [sys.executable, "-c", script, str(store.folder), root], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert other.stdin is not None and other.stdout is not None
    assert other.stdout.readline().strip() == b"locked"
    with pytest.raises(StoreBusy):
        store.lock(replace(KEY, prompts="others"))
    store.lock(replace(KEY, subject="cat")).release()
    # A lock ends with its process, however that ends.
    other.kill()
    other.wait()
    other.stdin.close()
    other.stdout.close()
    store.lock(KEY).release()


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
