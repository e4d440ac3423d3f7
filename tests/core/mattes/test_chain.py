# SPDX-License-Identifier: GPL-3.0-or-later
"""From what a track holds to a matte: operations in their order, and nothing read that nobody asks for."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from rotopoint.mattes import Combined, MatteSource, chain, make_cut_out, make_matte, trimap_of
from rotopoint.mattes.alpha import UNKNOWN
from rotopoint.mattes.chain import logits_of
from rotopoint.shot import MatteEdge, MatteSettings
from rotopoint.store.region import Region

ROOT = Path(__file__).parents[3]
HARD = MatteSettings(MatteEdge.HARD, snap=0)


def source(value: float = 8.0, settings: MatteSettings = HARD, **more: object) -> MatteSource:
    """A picture of 8x6 pixels with a subject that fills it."""
    return MatteSource(np.full((4, 4), value, np.float32), (8, 6), settings, **more)


def test_with_nothing_asked_nothing_is_read() -> None:
    def unasked(*_: object) -> None:
        raise AssertionError("nobody asked for it")

    quiet = source(plate=unasked, neighbor=unasked, others=unasked)
    assert (make_matte(quiet) == 1).all()
    absent = source(-8.0, combined=Combined(lambda: [np.full((6, 8), 0.5, np.float32)]))
    assert (make_matte(absent) == 0.5).all()


def test_a_record_of_a_part_says_nothing_of_the_rest() -> None:
    part = source(region=Region(2, 1, 6, 5))
    expected = np.zeros((6, 8), np.float32)
    expected[1:5, 2:6] = 1
    assert np.array_equal(make_matte(part), expected)
    assert np.array_equal(logits_of(part) > 0, expected > 0)


@pytest.mark.parametrize("edge", MatteEdge)
def test_a_subject_that_fills_its_part_has_no_edge_at_the_parts_border(edge: MatteEdge) -> None:
    matte = make_matte(source(32.0, MatteSettings(edge, snap=0), region=Region(2, 1, 6, 5)))
    assert matte.sum() == 16


def test_operations_go_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each sees what those before have left; those in time see neighbors as they are without it."""
    monkeypatch.setattr(chain, "ON_LOGITS", (lambda logits, _, __: logits - 1,))
    monkeypatch.setattr(chain, "ON_COVERAGE", (lambda m, *_: m / 2, lambda m, *_: m - 0.25))

    def in_time(matte: np.ndarray, _: MatteSettings, of: MatteSource) -> np.ndarray:
        before, after = of.neighbor(-1), of.neighbor(1)
        assert before is None and after is not None
        return matte + 10 * chain.still_matte(after)

    monkeypatch.setattr(chain, "IN_TIME", (in_time,))
    later = source(0.5)
    matte = make_matte(source(8.0, neighbor=lambda offset: later if offset == 1 else None))
    assert np.unique(matte).tolist() == [0.25 + 10 * -0.25]


def test_logits_are_brought_to_the_pictures_size_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Snapping and alpha look at them again; to make them takes a tenth of a matte's time."""
    made: list[MatteSource] = []

    def counted(of: MatteSource) -> np.ndarray:
        made.append(of)
        return logits_of(of)

    monkeypatch.setattr(chain, "logits_of", counted)
    edge = np.where(np.arange(8) < 4, 3.0, -3.0).astype(np.float32) * np.ones((6, 1), np.float32)
    plate = np.dstack([(edge > 0).astype(np.float32)] * 3)
    asked = MatteSource(edge, (8, 6), MatteSettings(snap=1.0), plate=lambda: plate)
    make_matte(asked)
    assert len(made) == 1


def test_a_cut_out_starts_from_the_plate(monkeypatch: pytest.MonkeyPatch) -> None:
    plate = np.full((6, 8, 3), 0.5, np.float32)
    asked = source(light=lambda: plate)
    cut_out = make_cut_out(asked)
    assert (cut_out.coverage == 1).all() and np.array_equal(cut_out.color, plate)
    monkeypatch.setattr(chain, "ON_COLOR", (lambda color, matte, _, __: color * matte[..., None] * 2,))
    assert (make_cut_out(asked).color == 1).all()


def slope(settings: MatteSettings, **more: object) -> MatteSource:
    """Logits that rise from left to right over a picture of 80x8 pixels, with a hole; a sample is a pixel."""
    logits = np.repeat(np.linspace(-10, 10, 80, dtype=np.float32)[None], 8, axis=0)
    logits[3:5, 60:70] = -10
    return MatteSource(logits, (80, 8), settings, **more)


def test_a_trimap_is_wide_where_the_track_is_not_trusted() -> None:
    """And as wide as is asked, about the edge of the matte, where a width is."""
    plain = MatteSettings(snap=0, largest_hole=0)
    bands = [
        int((trimap_of(slope(plain, confidence=lambda sure=sure: sure))[0] == UNKNOWN).sum())
        for sure in (1.0, 0.5, 0.0)
    ]
    assert bands[0] < bands[1] < bands[2]
    asked = MatteSettings(snap=0, trimap_width=6)
    assert (trimap_of(slope(asked, confidence=lambda: 0.0))[0, :55] == UNKNOWN).sum() == 6


@pytest.mark.parametrize("width", [0.0, 4.0])
def test_a_trimap_is_that_of_the_cleaned_matte(width: float) -> None:
    filled = trimap_of(slope(MatteSettings(snap=0, largest_hole=30, trimap_width=width)))
    assert (filled[:, 58:] == 1).all()
    assert (trimap_of(slope(MatteSettings(snap=0, trimap_width=width)))[3:5, 62:68] < 1).all()


def test_the_trimap_that_is_shown_is_the_one_that_is_solved(monkeypatch: pytest.MonkeyPatch) -> None:
    given = []

    def solved(known: np.ndarray, matte: np.ndarray, plate: np.ndarray, **_: object) -> np.ndarray:
        given.append(known)
        return matte

    monkeypatch.setattr(chain, "solved", solved)
    core = np.zeros((8, 80), np.float32)
    core[0] = 1
    asked = MatteSettings(snap=0, largest_hole=30, alpha=True, feather=4, expand=3)
    drawn = slope(asked, plate=lambda: core, combined=Combined(hold_in=lambda: [core]))
    make_matte(drawn)
    np.testing.assert_array_equal(given[0], trimap_of(drawn))
    assert (given[0][0] == 1).all() and set(np.unique(given[0])) == {0, UNKNOWN, 1}


def test_where_there_is_no_edge_all_is_known() -> None:
    unsure = MatteSettings(snap=0, alpha=True)
    for value in (-0.5, 8.0):
        assert (trimap_of(source(value, unsure)) == (value > 0)).all()


TOY = """
def dimmed(matte, strength):
    return matte if strength == 0 else matte * (1 - strength)
"""
FIELD = """    dim: float = setting(0.0, "Dim", "How much", "Toys", least=0, most=1, neutral=0.0)

    def __post_init__"""
CHECK = """
import json
import numpy as np
from rotopoint.cli.arguments import build_parser
from rotopoint.cli.asked import shot_of
from rotopoint.deliver.origins import _asked
from rotopoint.mattes import MatteSource, make_matte
from rotopoint.shot.json import shot_from_dict, shot_to_dict

line = ["track", "clip.mp4", "-o", "out", "--subject", "dog", "--point", "1:3,4"]
for more in (["--dim", "0.25"], ["--set", "dim=0.25"]):
    shot = shot_of(build_parser().parse_args(line + more))
    assert shot_from_dict(json.loads(json.dumps(shot_to_dict(shot)))) == shot
    matte = make_matte(MatteSource(np.full((4, 4), 32, np.float32), (8, 8), shot.subjects[0].matte))
    assert np.unique(matte).tolist() == [0.75]
    assert _asked(shot.subjects[0].matte)["dim"] == 0.25
plain = shot_of(build_parser().parse_args(line))
assert "dim" not in _asked(plain.subjects[0].matte)
"""


def test_an_operation_takes_a_file_a_field_and_a_line(tmp_path: Path) -> None:
    """On a copy of core: with these three, shots, options, origins and mattes know it."""
    core = tmp_path / "rotopoint"
    shutil.copytree(ROOT / "core" / "rotopoint", core, ignore=shutil.ignore_patterns("__pycache__"))
    (core / "mattes" / "toy.py").write_text(TOY, encoding="utf-8")
    edited = {
        core / "shot" / "matte_settings.py": ("    def __post_init__", FIELD.lstrip("\n")),
        core / "mattes" / "chain.py": (
            "ON_COVERAGE: tuple[CoverageOperation, ...] = (",
            "from rotopoint.mattes.toy import dimmed\n"
            "ON_COVERAGE: tuple[CoverageOperation, ...] = (\n"
            "    lambda matte, asked, *_: dimmed(matte, asked.dim),",
        ),
    }
    for file, (old, new) in edited.items():
        text = file.read_text(encoding="utf-8")
        assert old in text
        file.write_text(text.replace(old, new, 1), encoding="utf-8")
    alone = {**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", CHECK], env=alone, capture_output=True, text=True, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr
