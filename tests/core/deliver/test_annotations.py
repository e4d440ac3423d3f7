# SPDX-License-Identifier: GPL-3.0-or-later
"""COCO, label maps, SVG and splines: read back by others, empty where nobody is."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from rotopoint.clip.mask_file import read_mask
from rotopoint.deliver.coco import CocoFile
from rotopoint.deliver.deliverable import About, Deliverable, Frame, Layer, Options
from rotopoint.deliver.label_maps import LabelMapFiles, labels, voc_palette
from rotopoint.deliver.rle import compressed, runs
from rotopoint.deliver.splines import SplinesFile, SvgFiles
from rotopoint.delivery import ShotDelivery
from rotopoint.errors import OptionUnreadable
from rotopoint.jobs import deliver_events
from rotopoint.session import ShotSession
from tests.core.deliver.conftest import BALL, COUNT, GONE, HEIGHT, WIDTH

ABOUT = About("plate", "/somewhere/plate.0007.png", (6, 4), ("der Bär", "7 <dwarfs>"))


PLAIN = Options()


def square(*box: int) -> np.ndarray:
    matte = np.zeros((4, 6), np.float32)
    top, left, bottom, right = box
    matte[top:bottom, left:right] = 1
    return matte


def frame(*mattes: np.ndarray, number: int = 7) -> Frame:
    layers = tuple(
        Layer(name, matte, (1.0, 0.0, 0.0)) for name, matte in zip(ABOUT.subjects, mattes, strict=True)
    )
    return Frame(number - 6, number, layers)


def written(
    kind: type[Deliverable], path: Path, *contents: Frame, about: About = ABOUT, options: Options = PLAIN
) -> Path:
    with kind(about, lambda _: path, options) as files:
        for content in contents:
            files.frame(content)
    return path


KNOWN = {
    ".... .##. .##. ....": "52203",
    "#": "01",
    ".": "1",
    "########## ########## .........# #.#.#.#.#. ##########": "02121OO11OO11OO11OO20L",
    "." * 64 + "#": "P21",
}
"""As pycocotools 2.0.11 encodes them."""


def decoded(text: str, size: list[int]) -> np.ndarray:
    """As COCO's own decoder does it: runs from characters, the mask column after column."""
    counts: list[int] = []
    at = 0
    while at < len(text):
        value, shift, more = 0, 0, True
        while more:
            digit = ord(text[at]) - 48
            value |= (digit & 0x1F) << shift
            more = bool(digit & 0x20)
            at, shift = at + 1, shift + 5
            if not more and digit & 0x10:
                value |= -1 << shift
        counts.append(value + (counts[-2] if len(counts) > 2 else 0))
    flat = np.repeat(np.arange(len(counts)) % 2 == 1, counts)
    return flat.reshape(size, order="F")


@given(arrays.arrays(np.bool_, st.tuples(st.integers(1, 40), st.integers(1, 40))))
def test_runs_come_back(mask: np.ndarray) -> None:
    assert np.array_equal(decoded(compressed(runs(mask)), list(mask.shape)), mask)
    assert sum(runs(mask)) == mask.size


@pytest.mark.parametrize(("mask", "text"), KNOWN.items())
def test_runs_are_written_as_pycocotools_does(mask: str, text: str) -> None:
    rows = np.array([[c == "#" for c in row] for row in mask.split()])
    assert compressed(runs(rows)) == text


def test_coco_has_all_subjects_of_all_frames(tmp_path: Path) -> None:
    path = tmp_path / "größe.json"
    contents = (
        frame(square(0, 1, 2, 4), square(1, 0, 4, 6)),
        frame(square(0, 0, 0, 0), square(0, 0, 4, 6), number=8),
    )
    written(CocoFile, path, *contents)
    found = json.loads(path.read_bytes())
    assert [c["name"] for c in found["categories"]] == ["der Bär", "7 <dwarfs>"]
    assert [(i["file_name"], i["frame"]) for i in found["images"]] == [
        ("plate.0007.png", 1),
        ("plate.0008.png", 2),
    ]
    assert {(i["width"], i["height"]) for i in found["images"]} == {(6, 4)}
    said = [(a["image_id"], a["category_id"], a["area"], a["bbox"]) for a in found["annotations"]]
    assert said == [(1, 1, 6, [1, 0, 3, 2]), (1, 2, 18, [0, 1, 6, 3]), (2, 2, 24, [0, 0, 6, 4])]
    mask = found["annotations"][0]["segmentation"]
    assert np.array_equal(decoded(mask["counts"], mask["size"]), square(0, 1, 2, 4) > 0)
    written(CocoFile, path, contents[0], about=replace(ABOUT, source="/a/b.mp4", clip="b", frame_rate=24.0))
    assert json.loads(path.read_bytes())["images"][0]["file_name"] == "b.0007.png"


def test_coco_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    for kind in (CocoFile, SplinesFile):
        with pytest.raises(InterruptedError), kind(ABOUT, lambda _: tmp_path / "a.json") as files:
            files.frame(frame(square(0, 0, 2, 2), square(0, 0, 2, 2)))
            raise InterruptedError
    assert list(tmp_path.iterdir()) == []


def test_labels_are_exclusive_and_in_order(tmp_path: Path) -> None:
    one = np.array([[0.4, 0.6, 0.7, 0.8, np.nan, 1]], np.float32)
    two = np.array([[0.5, 0.0, 0.9, 0.8, 1.0, 0]], np.float32)
    about = replace(ABOUT, size=(6, 1))
    path = written(LabelMapFiles, tmp_path / "größe.png", frame(one, two), about=about)
    with Image.open(path) as image:
        assert image.mode == "P" and np.asarray(image).tolist() == [[0, 1, 2, 1, 2, 1]]
        assert np.array_equal(np.array(image.getpalette()).reshape(-1, 3), voc_palette())
    assert voc_palette()[:9].tolist()[1:3] + [voc_palette()[8].tolist()] == [
        [128, 0, 0],
        [0, 128, 0],
        [64, 0, 0],
    ]
    assert labels(np.zeros((3, 2, 2), np.float32)).tolist() == [[0, 0], [0, 0]]


def test_labels_can_be_prompts_again(tmp_path: Path) -> None:
    path = written(LabelMapFiles, tmp_path / "a.png", frame(square(0, 0, 2, 2), square(2, 3, 4, 6)))
    assert np.array_equal(read_mask(path, 2) > 0.5, square(2, 3, 4, 6) > 0)


def test_more_subjects_than_labels_are_refused(tmp_path: Path) -> None:
    many = replace(ABOUT, subjects=tuple(map(str, range(256))))
    with pytest.raises(OptionUnreadable), LabelMapFiles(many, lambda _: tmp_path / "a.png"):
        raise AssertionError


def numbers(data: str) -> list[float]:
    return [float(n) for n in data.translate(str.maketrans("MCZ,", "    ")).split()]


def test_svg_has_a_path_a_subject(tmp_path: Path) -> None:
    given = frame(square(1, 1, 3, 5), square(0, 0, 0, 0))
    path = written(SvgFiles, tmp_path / "größe.svg", given, about=replace(ABOUT, pixel_aspect=2.0))
    page = ElementTree.parse(path).getroot()
    name = "{http://www.w3.org/2000/svg}"
    assert (page.get("viewBox"), page.get("width"), page.get("height")) == ("0 0 6 4", "12", "4")
    groups = page.findall(f"{name}g")
    assert [group.findtext(f"{name}title") for group in groups] == list(ABOUT.subjects)
    assert [group.get("id") for group in groups] == ["der_Bar", "subject_7_dwarfs"]
    (drawn,) = groups[0].findall(f"{name}path")
    assert groups[1].findall(f"{name}path") == []
    assert (drawn.get("fill"), drawn.get("fill-rule")) == ("#ff0000", "evenodd")
    # Two handles before each knot but the first.
    points = np.array(numbers(drawn.get("d"))).reshape(-1, 2)[::3]
    assert points.min(axis=0) == pytest.approx([1, 1], abs=0.6)
    assert points.max(axis=0) == pytest.approx([5, 3], abs=0.6)


def test_splines_have_knots_with_handles(tmp_path: Path) -> None:
    ring = square(0, 0, 4, 6)
    ring[1:3, 2:4] = 0
    path = tmp_path / "a.json"
    written(SplinesFile, path, frame(ring, ring * 0), options=Options(tolerance=0.25))
    found = json.loads(path.read_bytes())
    assert (found["version"], found["size"], found["tolerance"]) == (1, [6, 4], 0.25)
    one, two = (subject["frames"] for subject in found["subjects"])
    assert [f["frame"] for f in one] == [f["frame"] for f in two] == [1]
    assert len(one[0]["splines"]) == 2 and two[0]["splines"] == []
    assert all(len(knot) == 6 for spline in one[0]["splines"] for knot in spline)


def test_a_tolerance_that_is_none_is_refused() -> None:
    for tolerance in (0.0, -1.0, float("nan"), 1e9):
        with pytest.raises(OptionUnreadable, match="tolerance"):
            Options(tolerance=tolerance)


def test_a_stored_shot(stored: Callable[..., ShotSession], tmp_path: Path) -> None:
    """GONE is absent for half of it: the same files, and nothing of it in them."""
    with stored() as session:
        for kind in (CocoFile, LabelMapFiles, SvgFiles, SplinesFile):
            list(deliver_events("d", ShotDelivery(session, tmp_path / "out", kind), overwrite=False))
        mattes = {
            (t.subject, t.frame): session.matte(session.plan(t.subject), t.frame, t.record)
            for t in session.tracks.all()
        }
    coco = json.loads((tmp_path / "out" / "plate_coco.json").read_bytes())
    splines = json.loads((tmp_path / "out" / "plate_splines.json").read_bytes())
    assert [image["file_name"] for image in coco["images"]] == [
        f"plate.{n:04d}.png" for n in range(1, COUNT + 1)
    ]
    for n in range(1, COUNT + 1):
        here = {a["category_id"]: a["segmentation"] for a in coco["annotations"] if a["image_id"] == n}
        assert set(here) == ({1, 2} if n < 3 else {1})
        for category, subject in ((1, BALL), (2, GONE)):
            if category in here:
                found = decoded(here[category]["counts"], here[category]["size"])
                assert np.array_equal(found, mattes[subject.id, n] > 0.5)
            assert bool(splines["subjects"][category - 1]["frames"][n - 1]["splines"]) == (category in here)
        with Image.open(tmp_path / "out" / f"plate_labels.{n:04d}.png") as image:
            assert image.size == (WIDTH, HEIGHT) and set(np.unique(image)) == {0, *here}
        groups = ElementTree.parse(tmp_path / "out" / f"plate_outline.{n:04d}.svg").getroot()
        assert [len(group) for group in groups] == ([2, 2] if n < 3 else [2, 1])
