# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine's set-up as the preferences offer it, with stand-ins for the packages and without network."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import bpy
import pytest

from blender_addon import environment, host, offer
from blender_addon.engine import Ending
from blender_addon.engine_state import draw_engine
from blender_addon.environment import Standing, standing_of
from blender_addon.preferences import preferences
from blender_addon.setup import checkpoints, panel
from blender_addon.setup import job as jobs
from rotopoint.checkpoints import registered
from rotopoint.environment.made import Made, made_in
from rotopoint.environment.making import CHECK
from tests.blender.inside.editing import Recorder
from tests.core.environment import wheels

LIMIT = 60.0


@pytest.fixture
def set_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The add-on as if installed, with its folder in a place whose name has all that names have."""
    folder = tmp_path / "Jörg 字" / "torch"
    folder.mkdir(parents=True)
    pins = wheels.write_lock(tmp_path / "pins.txt")
    monkeypatch.setattr(offer, "environment_folder", lambda create=False: folder)
    monkeypatch.setattr(offer, "lock", lambda: pins)
    usual = jobs.arguments
    monkeypatch.setattr(jobs, "arguments", lambda do, where: [*usual(do, where), "--check", wheels.CHECK])
    preferences().engine = ""
    preferences().build = "cpu" if sys.platform != "darwin" else "metal"
    preferences().package_index = str(wheels.write_wheels(tmp_path / "wheels"))
    yield folder
    jobs.job.process, jobs.job.command = None, ()
    jobs.job.word, jobs.job.seen = "", None


def drawn() -> set[str]:
    """The labels of the preferences' boxes."""
    recorder = Recorder()
    draw_engine(recorder, bpy.context, brought=False, named=False)
    panel.draw_setup(recorder, bpy.context)
    checkpoints.draw_checkpoints(recorder, bpy.context)
    return set(recorder.labels)


def test_a_button_sets_it_up_and_it_is_used(
    addon: None, set_up: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert bpy.ops.rotopoint.setup_look() == {"FINISHED"}
    text = panel.what_it_takes(jobs.job.seen, set_up)
    assert text in drawn()
    folder, preferences().package_index = preferences().package_index, "https://mirror/simple"
    assert text not in drawn(), "it was not asked of this"
    preferences().package_index = folder
    assert "Nothing is downloaded" in text and str(set_up) in text and "Python 3." in text
    assert bpy.ops.rotopoint.setup_make() == {"FINISHED"}
    made = made_in(set_up)
    assert made is not None and made.own and jobs.job.word == "The engine is set up"
    assert environment.standing() == (made, Standing.WHOLE)
    launch = host._launch()
    assert launch.command == [sys.executable, "-s", "-m", "rotopoint.worker"]
    assert launch.environment["PYTHONPATH"].endswith(str(made.packages))
    assert preferences().brought is None

    # What a person names comes before it.
    preferences().interpreter = "/opt/python"
    assert host._launch().command[0] == "/opt/python" and "PYTHONPATH" not in host._launch().environment
    preferences().interpreter = ""

    labels = drawn()
    assert {"The large engine is set up", f"runtime: torch {wheels.VERSION}"} <= labels
    assert any("large engine that was set up" in label for label in labels)

    # It waits for the engine's end, and Blender does not wait for it.
    may_end = threading.Event()
    ending = threading.Thread(target=may_end.wait, args=(LIMIT,))
    ending.start()
    monkeypatch.setattr(host.engine, "_ending", [Ending(None, ending)])
    jobs.start("remove")
    jobs.listen()
    assert jobs.job.running and jobs.job.process is None and made_in(set_up) == made
    may_end.set()
    jobs.wait(LIMIT)
    assert made_in(set_up) is None and environment.usable() is None
    assert (jobs.job.running, jobs.job.failed) == (False, False)
    assert bpy.ops.rotopoint.setup_remove() == {"FINISHED"}


def test_a_removal_that_waits_can_be_cancelled(
    addon: None, set_up: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(host.engine), "ending", True)
    jobs.start("remove")
    bpy.ops.rotopoint.setup_cancel()
    assert (jobs.job.running, jobs.job.word) == (False, "Cancelled; nothing was removed")


def test_a_failure_is_one_line(addon: None, set_up: Path, tmp_path: Path) -> None:
    preferences().package_index = str(wheels.write_wheels(tmp_path / "few", without=["torch"]))
    with pytest.raises(RuntimeError, match="there is no package torch"):
        bpy.ops.rotopoint.setup_make()
    assert made_in(set_up) is None and jobs.job.failed


def test_off_line_nothing_is_fetched(addon: None, set_up: Path) -> None:
    assert not bpy.app.online_access
    preferences().package_index = ""
    with pytest.raises(RuntimeError, match="allow online access"):
        bpy.ops.rotopoint.setup_make()
    assert not jobs.job.running and list(set_up.iterdir()) == []


def test_a_build_for_the_platform_offers_none(addon: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offer, "lock", lambda: None)
    assert not offer.offered() and offer.online_hindrance() == "This build fetches nothing from the network"
    with pytest.raises(RuntimeError, match="sets up no engine|fetches nothing"):
        bpy.ops.rotopoint.setup_make()


def test_cancelling_keeps_no_half_of_it(addon: None, set_up: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = jobs.arguments
    monkeypatch.setattr(
        jobs, "arguments", lambda do, where: [*usual(do, where), "--check", "import time; time.sleep(600)"]
    )
    jobs.start("make")
    process = jobs.job.process
    while jobs.job.report.text != "Trying the engine":
        assert process.running
        jobs.listen()
    bpy.ops.rotopoint.setup_cancel()
    jobs.wait(LIMIT)
    assert (jobs.job.word[:9], jobs.job.failed, jobs.job.running) == ("Cancelled", False, False)
    assert made_in(set_up) is None


@pytest.mark.parametrize(
    ("own", "version", "digest", "expected"),
    [
        (True, (3, 11), "pins", Standing.WHOLE),
        (True, (3, 11), "others", Standing.OUTDATED),
        (True, (3, 13), "pins", Standing.OTHER_PYTHON),
        (False, (3, 13), "pins", Standing.WHOLE),
    ],
)
def test_how_an_environment_stands(
    own: bool, version: tuple[int, int], digest: str, expected: Standing
) -> None:
    made = Made(Path("p"), digest, "cpu", sys.executable, version, own, 1, 1.0, ())
    assert standing_of(made, "pins", (3, 11)) is expected
    assert standing_of(None, "pins", (3, 11)) is Standing.NONE


def test_checkpoints_are_listed_with_what_they_take(addon: None, tmp_path: Path) -> None:
    """Nothing is downloaded off line; what is broken is told."""
    preferences().engine, preferences().interpreter = "", sys.executable
    preferences().checkpoint_folder = str(tmp_path)
    checkpoints.downloads.here = None
    assert bpy.ops.rotopoint.checkpoint(do="look") == {"FINISHED"}
    assert checkpoints.downloads.here == ("draft",)
    tiny = registered("tiny")
    assert checkpoints.described(tiny) == "156 MB, 91.2 frames a second (A100), 2.8 GB (RTX 3090), Apache-2.0"
    with pytest.raises(RuntimeError, match="allow online access"):
        bpy.ops.rotopoint.checkpoint(do="get", name="tiny")
    (tmp_path / tiny.file).write_bytes(b"not all of it")
    with pytest.raises(RuntimeError, match="13 bytes instead of"):
        bpy.ops.rotopoint.checkpoint(do="verify", name="tiny")
    with pytest.raises(RuntimeError, match="Unknown checkpoint huge"):
        bpy.ops.rotopoint.checkpoint(do="get", name="huge")


def test_the_runtime_is_passed_on(addon: None) -> None:
    preferences().engine, preferences().interpreter = "", "/opt/python"
    preferences().runtime = "onnx"
    assert preferences().command()[-2:] == ["--runtime", "onnx"]


def test_the_check_is_that_of_doctor() -> None:
    assert "doctor" in CHECK
