# SPDX-License-Identifier: GPL-3.0-or-later
"""A shot at work whose plate or store changes beneath it: right mattes or an error, never others."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from rotopoint.checkpoints import resolve
from rotopoint.delivery import ShotDelivery
from rotopoint.errors import ClipChanged, RotopointError, TrackMissing, TrackUnreadable
from rotopoint.jobs import deliver_events
from rotopoint.session import ShotSession
from rotopoint.shot import ClipReference, Point, Settings, Shot, Subject
from rotopoint.shot.frames import ClipFrame, FrameRange
from rotopoint.shot.json import load_shot, save_shot
from rotopoint.store import TrackStore
from rotopoint.store.track_file import HEADER_BYTES
from rotopoint.tracking.engine import Engine, load_engine
from rotopoint.tracking.runtimes import RUNTIMES

COUNT = 6
CHANGING = 5
"""The clip frame whose picture changes; far enough that it is not read ahead of the first one."""

IDENTITY = "LUT_1D_SIZE 2\n0 0 0\n1 1 1\n"
DARKER = "LUT_1D_SIZE 2\n0 0 0\n.9 .9 .9\n"


@pytest.fixture(scope="module", params=RUNTIMES)
def engine(request: pytest.FixtureRequest, draft_graphs: Path) -> Engine:
    return load_engine(resolve("draft"), "cpu", kernels="fp32", runtime=request.param)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A square on noise that moves to the right, 96x64."""
    cv2 = pytest.importorskip("cv2")
    folder = tmp_path_factory.mktemp("shared") / "plate"
    folder.mkdir()
    noise = np.random.default_rng(5).integers(40, 80, (64, 96, 3), np.uint8)
    for n in range(COUNT):
        drawn = noise.copy()
        drawn[8:28, 8 + 3 * n : 28 + 3 * n] = (40, 200, 220)
        (folder / f"plate_{n + 1:03d}.png").write_bytes(cv2.imencode(".png", drawn)[1].tobytes())
    return folder


@pytest.fixture(scope="module")
def whole(engine: Engine, clip: Path) -> tuple[Path, list[bytes]]:
    """A store in which all is right, and its records' logits by clip frame."""
    store = clip.with_name(f"store {engine.runtime.kernels.key}")
    return store, tracked(engine, shot_of(clip), store)[0]


def shot_of(clip: Path, transform: str = "auto", frames: FrameRange | None = None) -> Shot:
    subject = Subject("s", "square", (Point(ClipFrame(1), 18.0, 18.0),))
    return Shot(ClipReference(str(clip)), (subject,), Settings(frames, input_transform=transform))


def session(engine: Engine, shot: Shot, store: Path) -> ShotSession:
    return ShotSession(shot, engine.checkpoint, TrackStore(store))


def tracked(engine: Engine, shot: Shot, store: Path) -> tuple[list[bytes], int]:
    """The records' logits by clip frame, and how many took work."""
    with session(engine, shot, store) as opened:
        frames = sorted(opened.track(engine.runtime), key=lambda t: t.frame)
    return [t.record.logits.tobytes() for t in frames], sum(t.computed for t in frames)


def test_a_picture_that_changes_in_mid_track_stops_it_and_nothing_of_it_is_stored(
    engine: Engine, clip: Path, whole: tuple[Path, list[bytes]], tmp_path: Path
) -> None:
    plate = tmp_path / "plate"
    shutil.copytree(clip, plate)
    picture = plate / f"plate_{CHANGING:03d}.png"
    seen = []
    with session(engine, shot_of(plate), tmp_path / "store") as opened:
        with pytest.raises(ClipChanged) as caught:
            for frame in opened.track(engine.runtime):
                seen.append(frame.frame)
                if frame.frame == 1:
                    picture.write_bytes((plate / "plate_001.png").read_bytes())
                    # Also where a file system tells times by seconds.
                    os.utime(picture, ns=(0, 0))
        assert caught.value.path == picture
        with pytest.raises(TrackMissing):
            opened.tracks.record(opened.plan("s"), ClipFrame(CHANGING))
    assert seen == [1, 2, 3, 4]
    shutil.copy2(clip / picture.name, picture)
    assert tracked(engine, shot_of(plate), tmp_path / "store") == (whole[1], COUNT - 4)


def harm(store: Path, kind: str) -> None:
    """What becomes of the last record but one of the only track."""
    (track,) = TrackStore(store).tracks()
    size = (track.stat().st_size - HEADER_BYTES) // COUNT
    offset = HEADER_BYTES + (COUNT - 2) * size
    match kind:
        case "damaged":
            data = bytearray(track.read_bytes())
            data[offset + size // 2] ^= 1
            track.write_bytes(data)
        case "cut off":
            os.truncate(track, offset + size // 2)
        case "removed":
            shutil.rmtree(store)


@pytest.mark.parametrize("kind", ["damaged", "cut off", "removed"])
def test_a_store_that_is_harmed_is_never_delivered_as_other_mattes(
    engine: Engine, clip: Path, whole: tuple[Path, list[bytes]], tmp_path: Path, kind: str
) -> None:
    stores = {name: tmp_path / f"store {name}" for name in ("right", "harmed before", "harmed amidst")}
    mattes = {name: tmp_path / name for name in stores}
    for store in stores.values():
        shutil.copytree(whole[0], store)
    harm(stores["harmed before"], kind)
    ends: dict[str, RotopointError | None] = {}
    for name, store in stores.items():
        ends[name] = None
        with session(engine, shot_of(clip), store) as opened:
            try:
                for number, _ in enumerate(
                    deliver_events("1", ShotDelivery(opened, mattes[name]), overwrite=False)
                ):
                    if number == 0 and name == "harmed amidst":
                        harm(store, kind)
            except RotopointError as error:
                ends[name] = error
    assert ends["right"] is None and len(list(mattes["right"].glob("*_matte.*"))) == COUNT
    assert isinstance(ends["harmed before"], TrackMissing) and not mattes["harmed before"].exists()
    assert isinstance(ends["harmed amidst"], TrackUnreadable) and ends["harmed amidst"].exit_code == 1
    for matte in mattes["harmed amidst"].glob("*_matte.*"):
        assert matte.read_bytes() == (mattes["right"] / matte.name).read_bytes()


def test_only_what_was_damaged_is_tracked_anew(
    engine: Engine, clip: Path, whole: tuple[Path, list[bytes]], tmp_path: Path
) -> None:
    shutil.copytree(whole[0], tmp_path / "store")
    harm(tmp_path / "store", "damaged")
    assert tracked(engine, shot_of(clip), tmp_path / "store") == (whole[1], 1)


def test_a_table_counts_by_its_content_wherever_it_lies(engine: Engine, clip: Path, tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "there ä").mkdir()
    (tmp_path / "here" / "show.cube").write_text(IDENTITY)
    (tmp_path / "there ä" / "other name.cube").write_text(IDENTITY)
    two = FrameRange(ClipFrame(1), ClipFrame(2))
    here, there = tmp_path / "here" / "show.cube", tmp_path / "there ä" / "other name.cube"
    first, worked = tracked(engine, shot_of(clip, str(here), two), tmp_path / "store")
    assert worked == 2
    moved = shot_of(clip, str(there), two)
    assert tracked(engine, moved, tmp_path / "store") == (first, 0)
    there.write_text(DARKER)
    with session(engine, moved, tmp_path / "store") as opened:
        assert opened.tracks.pending(engine.runtime.kernels) == 2


def test_a_saved_shot_finds_its_table_from_any_folder(
    engine: Engine, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "show.cube").write_text(IDENTITY)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    with session(engine, shot_of(clip, "show.cube"), tmp_path / "store") as opened:
        save_shot(opened.absolute_shot(), tmp_path / "elsewhere" / "plate.shot.json")
    monkeypatch.chdir(tmp_path / "elsewhere")
    saved = load_shot(Path("plate.shot.json"))
    assert saved.settings.input_transform == str(tmp_path / "show.cube")
    assert saved.settings.checkpoint == "draft"
    session(engine, saved, tmp_path / "store").close()
