# SPDX-License-Identifier: GPL-3.0-or-later
"""Environments are made of a folder of wheels, whole or not at all, by the process that Blender starts."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PureWindowsPath
from types import SimpleNamespace
from typing import Any

import pytest

from rotopoint.environment import processes
from rotopoint.environment.builds import Build
from rotopoint.environment.made import alone_in, made_in, remove
from rotopoint.environment.making import Order, Progress, check, check_room, make, written_to
from rotopoint.environment.packages import Sources, digest
from rotopoint.environment.processes import end_tree, of_any_length
from rotopoint.environment.pythons import found_pythons, look_at, usable_python
from rotopoint.errors import (
    EnvironmentBroken,
    EnvironmentBusy,
    OutputUnwritable,
    PackagesNotInstalled,
    PythonUnusable,
)
from tests.core.environment.wheels import CHECK, VERSION, write_lock, write_wheels

CORE = Path(__file__).parents[3] / "core"
LIMIT = 60.0
TINY = Build("cpu", "CPU", "cpu", 1, 1)


@pytest.fixture(scope="module")
def order(tmp_path_factory: pytest.TempPathFactory) -> Order:
    """Of stand-ins, in a place whose name has all that names have."""
    place = tmp_path_factory.mktemp("Jörg Müller 字")
    lock, wheels = write_lock(place / "lock.txt"), write_wheels(place / "wheels")
    python = look_at(sys.executable)
    return Order(place / "made", lock, TINY, python, True, Sources(str(wheels)), CORE, CHECK)


@pytest.fixture(scope="module", autouse=True)
def made(order: Order) -> Iterator[None]:
    told: list[Progress] = []
    made = make(order, told.append)
    assert made == made_in(order.folder)
    assert (made.build, made.own, made.version) == ("cpu", True, sys.version_info[:2])
    assert made.digest == digest(order.lock)
    assert dict(made.findings)["runtime"] == f"torch {VERSION}"
    assert Path(dict(made.findings)["used"]).is_relative_to(made.packages)
    assert told[-1].text == "Trying the engine"
    assert {entry.name for entry in order.folder.iterdir()} == {made.packages.parent.name, "making.lock"}
    yield


def test_it_is_made_anew_beside_the_one_that_is_used(order: Order) -> None:
    before = made_in(order.folder)
    again = make(order, lambda told: None)
    assert before is not None and again.packages != before.packages
    assert not before.packages.exists() and made_in(order.folder) == again


def test_what_does_not_run_is_not_taken(order: Order) -> None:
    before = made_in(order.folder)
    with pytest.raises(EnvironmentBroken, match="no_such_module"):
        make(replace(order, check="import no_such_module"), lambda told: None)
    assert before is not None
    with pytest.raises(EnvironmentBroken, match="onnx; as asked"):
        check(sys.executable, CORE, before.packages, 'print(\'[["runtime", "onnx; as asked"]]\')')
    assert made_in(order.folder) == before


def test_a_package_that_is_not_there_is_named(order: Order, tmp_path: Path) -> None:
    wheels = write_wheels(tmp_path / "few", without=["safetensors"])
    message = r"there is no package safetensors.* where packages come from"
    with pytest.raises(PackagesNotInstalled, match=message):
        make(replace(order, folder=tmp_path / "made", sources=Sources(str(wheels))), lambda told: None)
    assert made_in(tmp_path / "made") is None


def test_a_stamp_that_cannot_be_read_vouches_for_nothing(order: Order, tmp_path: Path) -> None:
    made = made_in(order.folder)
    assert made is not None
    copy = tmp_path / made.packages.parent.name
    shutil.copytree(made.packages.parent, copy)
    assert made_in(tmp_path) is not None
    (copy / "environment.json").write_text('{"digest": "')
    assert made_in(tmp_path) is None
    assert made_in(tmp_path / "nowhere") is None


def test_little_room_is_told_before_anything_is_downloaded(
    order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = replace(order, build=replace(TINY, download=10**9, installed=10**9))
    with pytest.raises(OutputUnwritable, match="GB are needed there") as caught:
        make(large, lambda told: pytest.fail("it has begun"))
    assert caught.value.path == order.folder
    assert large.needed == 10**15, "a folder of wheels is not downloaded"
    assert replace(large, sources=Sources()).needed == 3 * 10**15


def test_windows_takes_no_longer_paths(order: Order, tmp_path: Path) -> None:
    check_room(order, windows=False)
    long = tmp_path / ("n" * 120)
    long.mkdir()
    check_room(replace(order, folder=long), windows=False)
    with pytest.raises(OutputUnwritable, match="characters too long"):
        check_room(replace(order, folder=long), windows=True)


def test_paths_that_windows_would_refuse_are_told_to_pip_by_another_way() -> None:
    """Its licenses have 171 characters, and lie in a folder of pip's before they go to their place."""
    usual = "AppData/Roaming/Blender Foundation/Blender/4.5/extensions/.user/user_default/rotopoint/torch"
    short, long = PureWindowsPath("D:/r"), PureWindowsPath("C:/Users/Jörg", usual)
    assert written_to(short / "env-1/p", short, windows=True) == (short / "env-1/p", short)
    assert written_to(long / "env-1/p", long, windows=True) == (
        PureWindowsPath(f"\\\\?\\{long}\\env-1\\p"),
        PureWindowsPath(f"\\\\?\\{long}"),
    )
    assert written_to(long / "p", long, windows=False) == (long / "p", long)


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("C:\\a b\\ü", "\\\\?\\C:\\a b\\ü"),
        ("\\\\nas\\films\\a", "\\\\?\\UNC\\nas\\films\\a"),
        ("\\\\?\\C:\\a", "\\\\?\\C:\\a"),
    ],
)
def test_a_path_of_any_length(path: str, found: str) -> None:
    assert str(of_any_length(PureWindowsPath(path), windows=True)) == found
    assert of_any_length(PureWindowsPath(path), windows=False) == PureWindowsPath(path)


def test_two_do_not_make_at_once(order: Order) -> None:
    with alone_in(order.folder), pytest.raises(EnvironmentBusy):
        make(order, lambda told: None)


def test_nothing_else_is_removed(tmp_path: Path) -> None:
    (tmp_path / "env-1" / "p").mkdir(parents=True)
    (tmp_path / "mine").mkdir()
    remove(tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["mine"]


def test_an_interpreter_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(PythonUnusable, match="does not start"):
        look_at(str(tmp_path / "python"))
    assert usable_python([str(tmp_path / "python"), sys.executable]).version == sys.version_info[:2]
    with pytest.raises(PythonUnusable, match="does not start"):
        usable_python([str(tmp_path / "python")])
    assert all(Path(found).exists() for found in found_pythons())


def started(order: Order, do: str, *, check: str = CHECK) -> subprocess.Popen[str]:
    """The process that Blender starts."""
    command = [sys.executable, "-m", "rotopoint.environment", do, "--folder", str(order.folder)]
    command += ["--lock", str(order.lock), "--build", "cpu", "--python", sys.executable]
    command += ["--packages", order.sources.packages, "--package-folder", str(CORE), "--check", check]
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(CORE)},
        start_new_session=True,
    )


def said(process: subprocess.Popen[str]) -> list[dict[str, Any]]:
    assert process.stdout is not None
    return [json.loads(line) for line in process.stdout]


def test_the_process_looks_first(order: Order) -> None:
    with started(order, "look") as process:
        (answer,) = said(process)
    assert answer["build"] == "CPU" and answer["download"] == 0 and answer["installed"] > 500
    assert sys.executable in answer["python"]


def test_the_process_removes(order: Order, tmp_path: Path) -> None:
    (tmp_path / "env-1").mkdir()
    with started(replace(order, folder=tmp_path), "remove") as process:
        assert said(process) == [{"made": ""}]
    assert not (tmp_path / "env-1").exists()


@pytest.mark.parametrize("how", ["its input ends", "it is ended"])
def test_it_ends_with_all_that_it_has_started(order: Order, tmp_path: Path, how: str) -> None:
    """The check is the last that it starts; it says who it is, and stays."""
    note = tmp_path / "note"
    check = (
        f"import os, time; open({str(note)!r}, 'w').write(str(os.getpid())); "
        f"os.rename({str(note)!r}, {str(note) + 's'!r}); time.sleep(600)"
    )
    mine = replace(order, folder=tmp_path / "made")
    with started(mine, "make", check=check) as process:
        assert process.stdin is not None and process.stdout is not None
        deadline = time.monotonic() + LIMIT
        while not Path(f"{note}s").exists():
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.01)
        if how == "its input ends":
            process.stdin.close()
        else:
            end_tree(process.pid)
        # Whoever holds the pipe has ended where it ends.
        process.stdout.read()
    assert made_in(mine.folder) is None
    grandchild = int(Path(f"{note}s").read_text())
    with alone_in(mine.folder):
        # A process lets go of its pipes a moment before it has ended.
        while is_running(grandchild):
            assert time.monotonic() < deadline
            time.sleep(0.01)


@pytest.mark.parametrize("error", [FileNotFoundError("taskkill"), subprocess.TimeoutExpired("taskkill", 10)])
def test_what_windows_cannot_end_is_nobodys_fault(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is called on threads, where what is raised goes nowhere."""
    asked: list[list[str]] = []

    def run(command: list[str], **_: object) -> None:
        asked.append(command)
        raise error

    monkeypatch.setattr(processes, "sys", SimpleNamespace(platform="win32"))
    monkeypatch.setattr(processes.subprocess, "run", run)
    end_tree(4711)
    assert asked == [["taskkill", "/PID", "4711", "/T", "/F"]]


def is_running(process_id: int) -> bool:
    try:
        state = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in ("Z", "X")
