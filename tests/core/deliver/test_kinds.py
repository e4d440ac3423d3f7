# SPDX-License-Identifier: GPL-3.0-or-later
"""Every kind of file is delivered by the command line, with the names that are asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pytest

from rotopoint.cli import main
from rotopoint.deliver.deliverable import Options
from rotopoint.deliver.kinds import Kind, deliverable, words_for
from rotopoint.deliver.movies import Movie
from rotopoint.session import ShotSession
from rotopoint.shot.json import save_shot
from tests.core.deliver.conftest import COUNT

NOTES = "plate.mattes.json"
"""What is noted of mattes beside them."""

every_kind = pytest.mark.parametrize("kind", Kind)


@pytest.fixture
def deliver(stored: Callable[..., ShotSession], tmp_path: Path) -> Callable[..., int]:
    with stored() as session:
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
