# SPDX-License-Identifier: GPL-3.0-or-later
"""examples/composite.py in each bpy, and the video and contact sheet made of what it renders."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from tests.blender.bpy_process import ROOT, VERSIONS, run_in_bpy

EXAMPLES = ROOT / "examples"
WIDTH, HEIGHT = 160, 90
FRAMES = range(1, 7)
SUBJECT = "Läufer 1"


def plate(frame: int) -> np.ndarray:
    """(HEIGHT, WIDTH, 3) uint8 BGR with the frame's number burnt in."""
    picture = np.full((HEIGHT, WIDTH, 3), (40, 20 + 30 * frame, 90), np.uint8)
    cv2.putText(picture, str(frame), (60, 60), cv2.FONT_HERSHEY_SIMPLEX, 1.5, (255, 255, 255), 3)
    return picture


def coverage(frame: int) -> np.ndarray:
    """(HEIGHT, WIDTH) uint8: a box that moves to the right."""
    matte = np.zeros((HEIGHT, WIDTH), np.uint8)
    matte[15:75, 10 + 8 * frame : 100 + 8 * frame] = 255
    return matte


def write(path: Path, picture: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".png", picture)[1].tobytes())


def read(path: Path) -> np.ndarray:
    return cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)


def run(script: str, *args: str | Path) -> None:
    subprocess.run([sys.executable, str(EXAMPLES / script), *map(str, args)], check=True, cwd=ROOT)


@pytest.fixture
def job(tmp_path: Path) -> Path:
    """A folder with plates numbered from 100, of which the frames 2 to 6 have mattes."""
    for frame in FRAMES:
        write(tmp_path / "plate" / f"shot_{99 + frame:04d}.png", plate(frame))
        if frame > 1:
            write(tmp_path / "mattes" / f"shot_{SUBJECT}_matte.{99 + frame:04d}.png", coverage(frame))
    # A subject whose name ends like the other's.
    write(tmp_path / "mattes" / f"shot_kleiner_{SUBJECT}_matte.0100.png", coverage(1))
    return tmp_path


@pytest.mark.parametrize("version", VERSIONS)
def test_the_composite_of_an_image_sequence(version: str, job: Path) -> None:
    out, blend = job / "out" / "frames", job / "out" / "shot.blend"
    source = ["--clip", job / "plate", "--mattes", job / "mattes", "--subject", SUBJECT]
    done = run_in_bpy(version, EXAMPLES / "composite.py", *source, "--out", out, "--save", blend)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines[0] == {"event": "wired", "frames": 5, "rate": "24/1"}
    assert lines[1:-1] == [{"event": "rendered", "frame": frame} for frame in FRAMES[1:]]
    assert lines[-1] == {"event": "done", "blend": str(blend), "frames": str(out)}
    assert blend.is_file()

    assert sorted(path.name for path in out.iterdir()) == [f"composite.{n:04d}.png" for n in FRAMES[1:]]
    background = read(out / "composite.0002.png")[:, :5]
    for frame in FRAMES[1:]:
        picture = read(out / f"composite.{frame:04d}.png").astype(int)
        inside = coverage(frame) == 255
        assert np.abs(picture - plate(frame))[inside].max() <= 1
        assert np.array_equal(picture[:, :5], background)
    assert np.abs(background.astype(int) - plate(2)[:, :5]).max() > 20

    run("video.py", "--frames", out, "--rate", "24", "--out", job / "composite.mp4")
    with av.open(str(job / "composite.mp4")) as video:
        pictures = [frame.to_ndarray(format="bgr24") for frame in video.decode(video=0)]
    assert len(pictures) == 5
    assert np.abs(pictures[3][:, :, 1].astype(int) - read(out / "composite.0005.png")[..., 1]).mean() < 4

    sheet = job / "sheet.png"
    run("contact_sheet.py", *source, "--composite", out, "--columns", "3", "--out", sheet)
    assert read(sheet).shape[1] > 3 * 300
    with_edge = job / "sheet with an edge.png"
    compared = ["--composite", out, "--columns", "3", "--thresholded", job / "mattes"]
    run("contact_sheet.py", *source, *compared, "--out", with_edge)
    assert read(with_edge).shape[0] > read(sheet).shape[0] + 100


def test_a_subject_without_mattes_is_named(job: Path) -> None:
    args = ["--clip", job / "plate", "--mattes", job / "mattes", "--subject", "nobody"]
    with pytest.raises(pytest.fail.Exception, match=r"status 2[\s\S]*nobody"):
        run_in_bpy(
            "5.0", EXAMPLES / "composite.py", *args, "--out", job / "out", "--save", job / "out" / "a.blend"
        )
    assert not (job / "out").exists()
