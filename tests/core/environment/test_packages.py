# SPDX-License-Identifier: GPL-3.0-or-later
"""What pip is told to install, and what is made of its words."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from rotopoint.environment.builds import CPU, CUDA_13, METAL
from rotopoint.environment.making import words_of
from rotopoint.environment.packages import (
    ALONE,
    REQUIRED,
    Sources,
    digest,
    fault_of,
    install_arguments,
    install_environment,
    pinned,
)
from rotopoint.errors import PackagesNotInstalled
from tests.core.environment.wheels import write_lock

ROOT = Path(__file__).parents[3]
LOCK = ROOT / "pins" / "engine.txt"


def test_what_is_installed_is_what_the_project_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    asked = {name for name in (*extras["media"], *extras["torch"]) if not name.startswith("rotopoint")}
    assert {*REQUIRED} == asked | {"numpy"}
    for package in (*REQUIRED, *ALONE):
        assert pinned(LOCK, package)


def test_a_build_comes_from_its_index_and_no_other() -> None:
    first, second = install_arguments(LOCK, CUDA_13, Sources(), Path("p"))
    assert f"torch=={pinned(LOCK, 'torch')}+cu130" in first and "torch" not in first
    assert first[first.index("--extra-index-url") + 1] == "https://download.pytorch.org/whl/cu130"
    assert second[-2:] == ("--no-deps", "RF-SAM-2")
    (first, _) = install_arguments(LOCK, METAL, Sources(), Path("p"))
    assert "torch" in first and "--extra-index-url" not in first


def test_mirrors_take_the_place_of_the_usual_indexes(tmp_path: Path) -> None:
    mirrors = Sources("https://mirror/simple", "https://mirror/torch/")
    (first, _) = install_arguments(LOCK, CPU, mirrors, Path("p"))
    assert first[first.index("--index-url") + 1] == "https://mirror/simple"
    assert first[first.index("--extra-index-url") + 1] == "https://mirror/torch/cpu"
    (first, _) = install_arguments(LOCK, CPU, Sources(str(tmp_path)), Path("p"))
    assert {"--no-index", "torch"} <= {*first} and "--extra-index-url" not in first


def test_what_a_host_sets_for_its_own_python_goes_and_proxies_stay(tmp_path: Path) -> None:
    base = {
        "PYTHONHOME": "/blender",
        "PYTHONPATH": "/blender",
        "PIP_TARGET": "/elsewhere",
        "HTTPS_PROXY": "http://proxy:3128",
        "PIP_INDEX_URL": "https://mirror/simple",
    }
    environment = install_environment(base, Sources(), tmp_path)
    assert not {"PYTHONHOME", "PYTHONPATH", "PIP_TARGET"} & environment.keys()
    assert environment["HTTPS_PROXY"] == "http://proxy:3128"
    assert environment["PIP_INDEX_URL"] == "https://mirror/simple"
    assert environment["TMPDIR"] == environment["TEMP"] == str(tmp_path / "tmp")
    alone = install_environment(base, Sources(str(tmp_path)), tmp_path)
    assert "PIP_INDEX_URL" not in alone, "beside a folder nothing is asked"


def test_the_digest_follows_pins_and_not_words(tmp_path: Path) -> None:
    one, other = write_lock(tmp_path / "a.txt"), write_lock(tmp_path / "b.txt", "2.0")
    assert digest(one) != digest(other)
    before = digest(one)
    one.write_text("# Other words\r\n\r\n" + one.read_text())
    assert digest(one) == before


def test_a_lock_without_a_version_is_named(tmp_path: Path) -> None:
    (tmp_path / "pins.txt").write_text("torchaudio==1\n")
    with pytest.raises(PackagesNotInstalled, match="torch"):
        pinned(tmp_path / "pins.txt", "torch")


@pytest.mark.parametrize(
    ("output", "words"),
    [
        (
            "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device",
            "disk is full",
        ),
        (
            "WARNING: Retrying (NewConnectionError('x'))\nERROR: No matching distribution found for torch",
            "net",
        ),
        (
            "ERROR: Could not find a version\nERROR: No matching distribution found for torch==2+cu130\n",
            "there is no package torch==2+cu130 for this Python and system",
        ),
        ("Collecting a\nERROR: something odd\n", "something odd"),
        ("", "without a word"),
    ],
)
def test_pips_words_become_a_line(output: str, words: str) -> None:
    assert words in fault_of(output) and "\n" not in fault_of(output)


def test_what_pip_does_is_told() -> None:
    line = "  Downloading https://h/torch-2.13.0%2Bcu130-cp311-cp311-win_amd64.whl (2.9 GB)\n"
    assert words_of(line) == "Downloading torch (2.9 GB)"
    assert words_of("Installing collected packages: a, b\n") == "Installing the packages"
    assert words_of("Collecting numpy\n") is None
