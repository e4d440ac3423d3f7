# SPDX-License-Identifier: GPL-3.0-or-later
"""`rotopoint report --html` of a stored shot, and of one that nobody has tracked."""

from __future__ import annotations

import hashlib
from base64 import b64decode
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rotopoint.cli import main
from rotopoint.session import ShotSession
from rotopoint.shot import MatteEdge, MatteSettings, Shot
from rotopoint.shot.json import save_shot
from tests.core.deliver.conftest import BALL, COUNT, GONE, HEIGHT, WIDTH
from tests.core.report.reading import Page

Report = Callable[..., int]


@pytest.fixture
def shot(stored: Callable[..., ShotSession], tmp_path: Path) -> Shot:
    with stored(replace(BALL, matte=MatteSettings(MatteEdge.HARD)), GONE) as session:
        return session.absolute_shot()


@pytest.fixture
def report(shot: Shot, tmp_path: Path) -> Report:
    out = tmp_path / "außen"
    out.mkdir()
    save_shot(shot, out / "plate.shot.json")

    def run(*more: str, store: str = "store") -> int:
        page = ["--html", str(out / "page.html")]
        return main(
            ["report", str(out / "plate.shot.json"), "--store", str(tmp_path / store), *(more or page)]
        )

    return run


def read(tmp_path: Path) -> Page:
    return Page((tmp_path / "außen" / "page.html").read_bytes())


def pictures(page: Page) -> list[np.ndarray]:
    return [
        np.asarray(Image.open(BytesIO(b64decode(image["src"].partition(",")[2]))))
        for image in page.attributes["img"]
    ]


def test_a_page_of_a_stored_shot(report: Report, tmp_path: Path) -> None:
    matte = tmp_path / "außen" / "plate_der Bär_matte.0001.png"
    matte.write_bytes(b"a matte")
    (tmp_path / "außen" / "notes.txt").write_bytes(b"nobody's")
    assert report() == 0
    page = read(tmp_path)
    assert "der Bär" in page.texts["h3"] and "7 dwarfs" in page.texts["h3"]
    assert hashlib.sha256(b"a matte").hexdigest() in page.texts["code"]
    assert "plate_der Bär_matte.0001.png" in page.texts["td"]
    assert "notes.txt" not in page.said and "plate.shot.json" not in page.texts["td"]
    assert f"{WIDTH} x {HEIGHT} pixels" in page.said and "draft" in page.texts["td"]
    assert "2 absent" in page.said and "Not tracked" not in page.said and "hard" in page.texts["td"]
    shown = pictures(page)
    # Each frame on the sheet, and two of BALL's, two of GONE's as the least trusted.
    assert len(shown) == COUNT + 6 and {picture.shape for picture in shown} == {(HEIGHT, WIDTH, 3)}
    # BALL is red: its middle has more of it than the plate beside it.
    red, _, blue = shown[0][HEIGHT // 2, int(0.37 * WIDTH)].astype(int)
    assert red - blue > 60


def test_pages_are_made_again_and_nothing_else_is_lost(
    report: Report, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report() == report() == 0
    saved = tmp_path / "außen" / "plate.shot.json"
    before = saved.read_bytes()
    assert report("--html", str(saved)) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("rotopoint: --html ") and "no other file has" in line
    assert saved.read_bytes() == before


def test_who_was_never_tracked_is_told(report: Report, tmp_path: Path) -> None:
    assert report(store="another") == 0
    page = read(tmp_path)
    assert page.texts["span"].count("Not tracked") == 2
    # Nothing is known, so nothing is the least trusted.
    assert len(pictures(page)) == COUNT


def test_other_folders_and_fewer_frames(report: Report, tmp_path: Path) -> None:
    out = tmp_path / "außen"
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    (tmp_path / "one" / "plate_layers.0001.exr").write_bytes(b"layers")
    page = ("--html", str(out / "page.html"), "--worst", "0")
    assert report(*page, "--files", str(tmp_path / "one"), "--files", str(tmp_path / "two")) == 0
    found = read(tmp_path)
    assert "plate_layers.0001.exr" in found.texts["td"] and f"None in {tmp_path / 'two'}" in found.said
    assert len(pictures(found)) == COUNT


def test_what_cannot_be_is_one_line(
    report: Report, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_bytes(b"")
    html = str(tmp_path / "außen" / "page.html")
    for more in (
        ("--html", str(tmp_path / "file" / "page.html")),
        ("--html", str(tmp_path / "außen")),
        ("--html", html, "--files", str(tmp_path / "gone")),
        ("--html", html, "--files", str(tmp_path / "file")),
        ("--files", str(tmp_path)),
    ):
        assert report(*more) == 2, more
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("rotopoint: ")
    assert not (tmp_path / "außen" / "page.html").exists()
