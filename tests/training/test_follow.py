# SPDX-License-Identifier: GPL-3.0-or-later
"""What is followed there and back: kept as far as both ways agree, and read again to learn from."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from rotopoint.checkpoints import resolve
from rotopoint.tracking.engine import load_engine
from training import follow
from training.__main__ import main
from training.data.clip_library import ClipLibrary
from training.data.stills import StillLibrary
from training.follow import Followed

DEMO = Path(__file__).parents[2] / "examples" / "demo_clip" / "demo.mp4"


def squares(*lefts: int | None) -> np.ndarray:
    """Frames of 8x8 with a square of 4x4 from that column on; None: with nothing."""
    found = np.zeros((len(lefts), 8, 8), np.float32)
    for frame, left in zip(found, lefts, strict=True):
        if left is not None:
            frame[2:6, left : left + 4] = 1
    return found


@pytest.mark.parametrize(
    ("back", "agreeing"),
    [
        ((0, 1, 2, 3, 4), slice(0, 5)),
        ((0, 1, 0, 3, 4), slice(0, 2)),
        ((2, 1, 2, 3, 4), slice(1, 5)),
        ((0, 1, 2, None, None), slice(0, 3)),
        ((4, 4, 4, 0, 0), slice(0, 0)),
    ],
)
def test_the_longest_run_is_kept_on_which_both_ways_agree(
    back: tuple[int | None, ...], agreeing: slice
) -> None:
    followed = Followed(squares(0, 1, 2, 3, 4), squares(*back))
    assert followed.agreeing == agreeing


def test_to_find_nothing_both_ways_is_no_agreement() -> None:
    nothing = squares(None, None)
    assert Followed(nothing, nothing).agreeing == slice(0, 0)


def test_coverage_is_the_mean_of_both_ways() -> None:
    followed = Followed(
        np.full((1, 1, 2), [[1.0, 0.5]], np.float32), np.full((1, 1, 2), [[1.0, 0.0]], np.float32)
    )
    assert followed.agreed.tolist() == [[[255, 64]]]


def test_what_a_checkpoint_follows_is_learned_from(
    tmp_path: Path, stills: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "LEAST_FRAMES", 3)
    monkeypatch.setattr(follow, "SUBJECTS", 3)
    clip = tmp_path / "Länge 1.mp4"
    shutil.copyfile(DEMO, clip)
    path, told = tmp_path / "followed.zip", list[tuple[int, int]]()
    engine = load_engine(resolve("draft"), "cpu", 1)
    follow.write([clip], engine, path, 1, 4, 1, lambda *numbers: told.append(numbers))
    ((followed, returned),) = told
    assert 1 <= returned <= followed <= 3
    library = ClipLibrary(path, longest_step=1, closer=1.0)
    assert len(library) == returned
    whole = library.whole(0)
    assert min(whole.pictures.shape[1:3]) == follow.SHORTER_SIDE and len(whole.pictures) >= 3
    assert 0 < (whole.coverage > 127).mean() < 0.5
    part = library.clip(np.random.default_rng(0), StillLibrary(stills, {"coco": 1.0}), 32, 3)
    assert part.pictures.shape == (3, 32, 32, 3) and (part.coverage[0] > 127).any()


def test_a_clip_that_is_not_there_is_told_and_leaves_no_zip(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path, missing = tmp_path / "followed.zip", tmp_path / "missing.mp4"
    arguments = ["training", "follow", "--clips", str(missing), "--output", str(path)]
    monkeypatch.setattr("sys.argv", arguments)
    assert main() != 0
    assert str(missing) in capsys.readouterr().err and not path.exists()


def test_each_subject_has_the_frames_on_which_it_is_known(tmp_path: Path) -> None:
    path = tmp_path / "followed.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for frame in range(1, 5):
            picture = cv2.imencode(".jpg", np.full((8, 8, 3), 40 * frame, np.uint8))[1].tobytes()
            archive.writestr(f"walk-00/{frame:03d}.jpg", picture)
        for name in ("0/001", "0/002", "1/002", "1/003", "1/004"):
            mask = cv2.imencode(".png", np.full((8, 8), 255, np.uint8))[1].tobytes()
            archive.writestr(f"walk-00/{name}.png", mask)
    library = ClipLibrary(path)
    shown = [[round(float(p.mean()), -1) for p in library.whole(n).pictures] for n in range(len(library))]
    assert shown == [[40, 80], [80, 120, 160]]


def test_a_closer_view_shows_all_of_the_subject(tmp_path: Path, stills: Path) -> None:
    path = tmp_path / "followed.zip"
    mask = np.zeros((40, 60), np.uint8)
    mask[10:30, 5:25] = 255
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/001.jpg", cv2.imencode(".jpg", np.zeros((40, 60, 3), np.uint8))[1].tobytes())
        archive.writestr("a/001.png", cv2.imencode(".png", mask)[1].tobytes())
    library, unused = ClipLibrary(path, closer=1.0), StillLibrary(stills, {"coco": 1.0})
    parts = [
        float((library.clip(np.random.default_rng(seed), unused, 60, 1).coverage > 127).mean())
        for seed in range(20)
    ]
    # Of all of the picture it is a sixth; of the smallest view that holds it, which is 27 by 20 pixels, 0.74.
    assert min(parts) > 1 / 6 - 0.01 and 0.3 < max(parts) < 0.76
