# SPDX-License-Identifier: GPL-3.0-or-later
"""Every kind of file is delivered by the command line, with the names that are asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from rotopoint.cli import main
from rotopoint.deliver.deliverable import About, Need, Options
from rotopoint.deliver.kinds import Kind, deliverable, words_for
from rotopoint.deliver.movies import Movie
from rotopoint.errors import OptionIgnored
from rotopoint.messages import explain
from rotopoint.session import ShotSession
from rotopoint.shot import FeatherSide, MatteSettings, Settings
from rotopoint.shot.frames import ClipFrame, FrameRange
from rotopoint.shot.json import save_shot
from rotopoint.shot.matte_settings import MATTE_SETTINGS
from rotopoint.worker.deliveries import delivery_asked
from rotopoint.worker.protocol import DeliverRequest
from tests.core.deliver.conftest import BALL, COUNT

NOTES = "plate.mattes.json"
"""What is noted of mattes beside them."""

every_kind = pytest.mark.parametrize("kind", Kind)


@pytest.fixture
def deliver(stored: Callable[..., ShotSession], tmp_path: Path) -> Callable[..., int]:
    return delivering(stored, tmp_path, Settings())


def delivering(stored: Callable[..., ShotSession], tmp_path: Path, settings: Settings) -> Callable[..., int]:
    """The command line's `deliver` with a stored shot, into the folder `out`."""
    with stored(settings=settings) as session:
        save_shot(session.absolute_shot(), tmp_path / "s.json")

    def run(*more: str) -> int:
        files = ["-o", str(tmp_path / "out"), "--store", str(tmp_path / "store")]
        return main(["deliver", str(tmp_path / "s.json"), *files, *more])

    return run


@every_kind
def test_each_is_delivered_and_never_over_what_is_there(
    kind: Kind, deliver: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = deliverable(kind)
    assert deliver("--as", kind.value) == 0
    count = (1 if files.one_file else COUNT) * (1 if files.joins else 2)
    there = {p.name: p.read_bytes() for p in (tmp_path / "out").iterdir() if p.name != NOTES}
    assert len(there) == count and all(there.values())
    assert all(f"_{files.part}." in name for name in there)
    capsys.readouterr()
    assert deliver("--as", kind.value) == 2
    assert "exists; give another folder, or --overwrite" in capsys.readouterr().err
    assert deliver("--as", kind.value, "--overwrite") == 0
    assert {p.name for p in (tmp_path / "out").iterdir() if p.name != NOTES} == set(there)


@every_kind
def test_each_has_the_names_that_are_asked_for(
    kind: Kind, deliver: Callable[..., int], tmp_path: Path
) -> None:
    files = deliverable(kind)
    asked = (
        "--name",
        "{clip}-{version}_{subject}_{pass}.{number}",
        "--padding",
        "5",
        "--first-number",
        "1001",
    )
    assert deliver("--as", kind.value, *asked) == deliver("--as", kind.value, *asked) == 0
    names = {path.name.rsplit(".", 1)[0] for path in (tmp_path / "out").iterdir()}
    subject = "" if files.joins else "_der Bär"
    number = "" if files.one_file else ".01004"
    for version in ("v001", "v002"):
        assert f"plate-{version}{subject}_{files.part}{number}" in names


def test_what_cannot_be_a_name_is_one_line(
    deliver: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for more in (
        ("--name", "{clip}"),
        ("--name", "{who}.{number}"),
        ("--padding", "0"),
        ("--version", "-1"),
        ("--frame-rate", "nan"),
    ):
        assert deliver(*more) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("rotopoint: --")
    assert not (tmp_path / "out").exists()


@every_kind
def test_each_has_words_for_people(kind: Kind) -> None:
    words = words_for(kind)
    assert words.label and set(words.options) <= {field.name for field in fields(Options)}
    # Videos have a rate, and nothing else has.
    assert ("frame_rate" in words.options) == issubclass(deliverable(kind), Movie)
    assert words.help


GIVEN = {
    "format": ("--format", "png8"),
    "compression": ("--compression", "piz"),
    "plate": ("--plate",),
    "frame_rate": ("--frame-rate", "50"),
    "colors": ("--colors", "plate"),
    "tolerance": ("--tolerance", "4"),
}
"""Each option of files with another value than it has by default."""

BESIDE = {
    ("compression", "mattes"): ("--format", "exr"),
    ("compression", "alpha"): ("--format", "exr"),
    ("colors", "layers"): ("--plate",),
}
"""What an option of a kind has no say without."""


def test_no_option_is_left_out_here() -> None:
    assert GIVEN.keys() == {field.name for field in fields(Options)}


HEEDED = [(kind, name) for kind in Kind for name in GIVEN if name in words_for(kind).options]


@pytest.mark.parametrize(("kind", "option"), HEEDED)
def test_an_option_that_a_kind_heeds_alters_its_files(
    kind: Kind,
    option: str,
    stored: Callable[..., ShotSession],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    # Values of an sRGB plate are what a video shows of its light.
    input_transform = "linear" if issubclass(deliverable(kind), Movie) else "auto"
    one = FrameRange(ClipFrame(1), ClipFrame(1))
    deliver = delivering(stored, tmp_path, Settings(range=one, input_transform=input_transform))
    beside, out = BESIDE.get((option, kind.value), ()), tmp_path / "out"
    if beside:
        assert deliver("--as", kind.value, *GIVEN[option]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.endswith(f"expected {' '.join(beside)} beside it")
    assert deliver("--as", kind.value, *beside) == 0
    before = {path.name: path.read_bytes() for path in out.iterdir() if path.name != NOTES}
    assert deliver("--as", kind.value, *beside, *GIVEN[option], "--overwrite") == 0
    assert {path.name: path.read_bytes() for path in out.iterdir() if path.name != NOTES} != before


@every_kind
def test_all_other_options_are_refused_in_a_line(
    kind: Kind, deliver: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for option in GIVEN.keys() - set(words_for(kind).options):
        assert deliver("--as", kind.value, *GIVEN[option]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(
            f"rotopoint: {GIVEN[option][0]} has no say in {kind.value} files; leave it out"
        )
    assert not (tmp_path / "out").exists()


@every_kind
def test_a_setting_that_alters_nothing_is_refused(
    kind: Kind, deliver: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = deliverable(kind)
    about = About("plate", "plate.mov", (3, 1), ("der Bär",))
    needs = files(about, lambda number: tmp_path / str(number)).needs
    ignored = words_for(kind).ignores
    assert ("decontaminate" in ignored) == (Need.FOREGROUND not in needs)
    assert set(files.asks) <= set(ignored)
    for name in ignored:
        values = {"unite": "7 dwarfs", "subtract": "7 dwarfs", "feather_side": "inward"}
        flag = f"--{name.replace('_', '-')}"
        given = (flag,) if name in ("decontaminate", "alpha") else (flag, values.get(name, "0.5"))
        subject = ("--subject", "der Bär") if name in ("unite", "subtract") else ()
        assert deliver("--as", kind.value, *subject, *given) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"rotopoint: {flag} has no say in {kind.value} files; leave it out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", sorted(set(words_for(Kind.TRIMAP).ignores) & MATTE_SETTINGS.keys()))
def test_what_is_refused_of_a_trimap_has_no_say_in_it(name: str, stored: Callable[..., ShotSession]) -> None:
    described = MATTE_SETTINGS[name]
    other = {bool: not described.default, float: 0.5}.get(described.kind, FeatherSide.INWARD)
    found = []
    for asked in ({}, {name: other}):
        soft = replace(BALL, matte=MatteSettings(**asked))
        with stored(soft) as session:
            (plan,) = session.plans
            record = session.tracks.record(plan, ClipFrame(1))
            found.append(session.mattes.trimap(plan, ClipFrame(1), record))
    np.testing.assert_array_equal(*found)


def test_a_version_that_no_name_says_is_refused(
    deliver: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert deliver("--version", "3") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line == "rotopoint: --version 3: expected {version} in the --name"


def test_a_request_to_the_worker_is_refused_the_same(
    stored: Callable[..., ShotSession], tmp_path: Path
) -> None:
    with stored() as session, pytest.raises(OptionIgnored) as caught:
        delivery_asked(session, DeliverRequest("d", {}, str(tmp_path), files="coco", plate=True))
    assert explain(caught.value) == "--plate has no say in coco files; leave it out, or deliver --as layers"
