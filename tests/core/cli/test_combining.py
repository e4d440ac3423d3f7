# SPDX-License-Identifier: GPL-3.0-or-later
"""`rotopoint track` with subjects and masks combined: the mattes are as asked, and the track as before."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from rotopoint.cli import main
from rotopoint.clip.image_file import read_gray
from rotopoint.shot.json import load_shot

COUNT, WIDTH, HEIGHT = 3, 96, 64


def written(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(cv2.imencode(".png", pixels)[1].tobytes())


def test_the_whole_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    """A ball that lies on a plank, and without it; what was tracked is tracked once."""
    monkeypatch.chdir(tmp_path)
    for n in range(COUNT):
        drawn = np.full((HEIGHT, WIDTH, 3), (70, 60, 50), np.uint8)
        drawn[36:48, 10:86] = (40, 200, 90)
        cv2.circle(drawn, (34 + 6 * n, 32), 11, (60, 160, 250), -1)
        written(tmp_path / "plate" / f"p.{n + 1}.png", drawn)
        half = np.zeros((HEIGHT, WIDTH), np.uint8)
        half[:, : 30 + n] = 255
        written(tmp_path / "Mäsken" / f"m_{n + 1}.png", half)

    def track(out: str, *more: str) -> dict[str, list[np.ndarray]]:
        asked = ["--subject", "plank", "--box", "1:10,36,86,48", "--subject", "ball", "--point", "1:34,30"]
        line = ["track", "plate", "-o", out, "--store", "store", "--device", "cpu", "--kernels", "fp32"]
        assert main([*line, *asked, *more]) == 0
        return {
            name: [read_gray(tmp_path / out / f"p_{name}_matte.{n:04d}.png") for n in (1, 2, 3)]
            for name in ("plank", "ball")
        }

    more = ("--subject", "plank", "--subtract", "ball", "--garbage", "2-3:Mäsken")
    made = track("made", *more)
    capsys.readouterr()
    plain = track("plain")
    assert "0 frames tracked anew" in capsys.readouterr().err
    assert all((matte > 0.5).any() for mattes in plain.values() for matte in mattes)
    for n in range(COUNT):
        expected = np.maximum(plain["plank"][n] - plain["ball"][n], 0)
        if n:
            # The folder's first mask is on the first frame that it is given for.
            expected[:, : 29 + n] = 0
        np.testing.assert_allclose(made["plank"][n], expected, atol=2 / 65535)
        np.testing.assert_array_equal(made["ball"][n], plain["ball"][n])
    (garbage,) = load_shot(tmp_path / "made" / "p.shot.json").subject("plank").combine.garbage
    assert Path(garbage.path) == tmp_path / "Mäsken"
