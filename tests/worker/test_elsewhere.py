# SPDX-License-Identifier: GPL-3.0-or-later
"""A worker on another machine: its paths are others, the line takes its time, and it may be cut."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotopoint.errors import WorkerDied
from rotopoint.events import DoneEvent, ErrorEvent, FrameEvent, PreviewEvent, StartedEvent
from rotopoint.shot import Mask
from rotopoint.shot.json import revision
from rotopoint.worker.client import WorkerClient
from rotopoint.worker.elsewhere import PathMapping, PathPair, Translator, other_version
from tests.worker.asking import CLICK, preview, shot_of, track
from tests.worker.conftest import CORE, THREADS

SECONDS = "0.02"
"""Each way, a piece of what is said."""

HERE = "Z:\\Filme ü"


@pytest.mark.parametrize(
    ("here", "there", "path", "carried"),
    [
        ("/footage", "/mnt/nas", "/footage/a/1.png", "/mnt/nas/a/1.png"),
        ("/footage/", "/mnt/nas/", "/footage/a", "/mnt/nas/a"),
        ("/footage", "/mnt/nas", "/footage", "/mnt/nas"),
        ("/footage", "/mnt/nas", "/footage2/a", "/footage2/a"),
        ("/footage", "/mnt/nas", "/Footage/a", "/Footage/a"),
        ("/", "/mnt/here", "/a/1.png", "/mnt/here/a/1.png"),
        ("/mnt/here", "/", "/mnt/here/a", "/a"),
        ("Z:\\shots", "/mnt/shots", "z:\\Shots\\Würfel 1\\a.mp4", "/mnt/shots/Würfel 1/a.mp4"),
        ("Z:\\", "/mnt/z", "Z:\\a\\b", "/mnt/z/a/b"),
        ("\\\\nas\\films", "/mnt/nas", "\\\\NAS\\films\\a/b", "/mnt/nas/a/b"),
        ("/home/me", "D:\\me", "/home/me/a/b", "D:\\me\\a\\b"),
        ("", "/mnt", "/a", "/a"),
        ("/a", " ", "/a/b", "/a/b"),
    ],
)
def test_a_path_is_carried_over(here: str, there: str, path: str, carried: str) -> None:
    assert PathMapping([PathPair(here, there)]).there(path) == carried


def test_the_innermost_folder_counts() -> None:
    paths = PathMapping([PathPair("/a", "/far"), PathPair("/a/b", "/near"), PathPair("/c", "/far/c")])
    assert [paths.there(p) for p in ("/a/x", "/a/b/x", "/c/x")] == ["/far/x", "/near/x", "/far/c/x"]
    assert [paths.here(p) for p in ("/far/x", "/near/x", "/far/c/x")] == ["/a/x", "/a/b/x", "/c/x"]


def test_another_version_is_told_with_what_to_do() -> None:
    assert other_version("0.5.1", "0.5.1") is None
    told = other_version("0.5.1", "0.6.0")
    assert told is not None and "0.5.1" in told and told.endswith("Install 0.6.0 where the engine runs")


NAMES = st.text(st.characters(blacklist_characters="\\/:", blacklist_categories=("Cs", "Cc")), min_size=1)


@given(st.lists(NAMES, max_size=4))
def test_there_and_back_is_where_it_began(names: list[str]) -> None:
    paths = PathMapping([PathPair("Z:\\a", "/mnt/a")])
    path = "\\".join(["Z:\\a", *names])
    assert paths.here(paths.there(path)) == path


@pytest.fixture(scope="module")
def far(tmp_path_factory: pytest.TempPathFactory, clip: Path) -> Iterator[WorkerClient]:
    """The real worker, where the folder of the clip has another name."""
    pytest.importorskip("torch")
    pairs = [PathPair(HERE, str(clip.parent))]
    worker = [sys.executable, "-m", "rotopoint.worker", "--store", str(tmp_path_factory.mktemp("store"))]
    command = [sys.executable, str(Path(__file__).with_name("far_away.py")), SECONDS, *worker]
    with WorkerClient(
        [*command, "--device", "cpu", "--threads", str(THREADS)],
        package_folder=CORE,
        translation=Translator(PathMapping(pairs)),
    ) as client:
        yield client


def test_a_clip_is_tracked_by_its_path_here(far: WorkerClient, clip: Path) -> None:
    shot = shot_of(Path(f"{HERE}\\{clip.name}"))
    assert not Path(shot.clip.path).exists()
    seen = preview(far, shot, 1).event
    assert isinstance(seen, PreviewEvent) and seen.revision == revision(shot)

    folder = f"{HERE}\\mattes"
    started, *frames, done = track(far, shot, folder)  # type: ignore[arg-type]
    assert isinstance(started, StartedEvent) and isinstance(done, DoneEvent)
    assert {e.revision for e in (started, *frames, done)} == {revision(shot)}
    assert len(frames) == 8
    for event in frames:
        assert isinstance(event, FrameEvent) and event.file is not None
        assert event.file.startswith(f"{folder}\\")
        assert (clip.parent / "mattes" / event.file.rpartition("\\")[2]).is_file()


def test_what_is_amiss_there_is_told_by_its_path_here(far: WorkerClient, clip: Path) -> None:
    shot = shot_of(Path(f"{HERE}\\{clip.name}"), CLICK, Mask(2, f"{HERE}\\none.png"))
    failed = track(far, shot)[-1]
    assert isinstance(failed, ErrorEvent)
    assert f"{HERE}" in failed.message and str(clip.parent) not in failed.message


def test_a_line_that_is_cut_is_a_worker_that_died(far: WorkerClient, clip: Path) -> None:
    far.kill()
    with pytest.raises(WorkerDied):
        preview(far, shot_of(Path(f"{HERE}\\{clip.name}")), 1)
    assert not far.running
