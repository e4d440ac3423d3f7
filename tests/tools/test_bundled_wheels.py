# SPDX-License-Identifier: GPL-3.0-or-later
"""What the extension brings: downloaded by its pins, here from a folder, and packed tighter."""

from __future__ import annotations

import re
import zipfile
from hashlib import sha256
from pathlib import Path

import pytest

from tests.tools.made_package import wheel
from tools.extension import PINS, BuildFailed
from tools.extension.targets import PLATFORMS, PYTHONS, Target
from tools.extension.wheels import LEFT_OUT, bundled_wheels, packed, pinned_hashes, pins_of

WINDOWS = Target(PLATFORMS["windows-x64"], PYTHONS["3.13"])
NAME = "small_part-1.0-cp313-cp313-win_amd64.whl"
METADATA = b"Metadata-Version: 2.1\nName: small-part\nVersion: 1.0\nRequires-Dist: numpy\n"
FILES = {
    "small_part/__init__.py": b"number = 7\n" * 5000,
    "small_part-1.0.dist-info/METADATA": METADATA,
    "small_part-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\nTag: cp313-cp313-win_amd64\n",
    "small_part-1.0.dist-info/RECORD": b"",
}


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one wheel, which pip takes for all packages that there are."""
    folder = tmp_path / "Läufer index"
    folder.mkdir()
    wheel(folder / NAME, FILES)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", folder.as_uri())
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "none"))
    return folder


def pins(folder: Path, digest: str) -> Path:
    folder.mkdir(exist_ok=True)
    text = f"# A comment: old==0.1\nSmall-Part==1.0 \\\n    --hash=sha256:{digest}\n"
    (folder / "extension.txt").write_text(text, encoding="utf-8")
    return folder


def test_what_a_pin_names_is_brought_once(index: Path, tmp_path: Path) -> None:
    chosen = pins(tmp_path / "pins", sha256((index / NAME).read_bytes()).hexdigest())
    cache = tmp_path / "cache"
    (brought,) = bundled_wheels(WINDOWS, cache, chosen)
    assert brought.name == NAME
    with zipfile.ZipFile(brought) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == FILES
    (index / NAME).unlink()
    assert bundled_wheels(WINDOWS, cache, chosen) == [brought], "it was downloaded again"


def test_what_has_another_content_than_its_pin_is_refused(index: Path, tmp_path: Path) -> None:
    with pytest.raises(BuildFailed, match="cannot download"):
        bundled_wheels(WINDOWS, tmp_path / "cache", pins(tmp_path / "pins", "0" * 64))


def test_what_was_changed_since_its_download_is_not_used(index: Path, tmp_path: Path) -> None:
    chosen = pins(tmp_path / "pins", sha256((index / NAME).read_bytes()).hexdigest())
    cache = tmp_path / "cache"
    (brought,) = bundled_wheels(WINDOWS, cache, chosen)
    (stored,) = (cache / "downloads").rglob("*.whl")
    stored.write_bytes(b"other")
    (index / NAME).unlink()
    with pytest.raises(BuildFailed):
        bundled_wheels(WINDOWS, cache, chosen)


def test_packing_alters_no_file(tmp_path: Path) -> None:
    loose = wheel(tmp_path / NAME, FILES)
    tight = packed(loose, tmp_path / "packed")
    with zipfile.ZipFile(tight) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == FILES
        assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_LZMA}
    assert tight.stat().st_size < loose.stat().st_size


def test_what_nothing_loads_is_left_out_and_not_listed(tmp_path: Path) -> None:
    name = "onnxruntime-1.0-cp313-cp313-win_amd64.whl"
    record = "onnxruntime-1.0.dist-info/RECORD"
    kept = {"onnxruntime/capi/state.pyd": b"module", "onnxruntime/capi/onnxruntime_providers_shared.dll": b""}
    left = {"onnxruntime/capi/onnxruntime.dll": b"twice"}
    listed = "".join(f"{file},sha256=x,1\n" for file in (*kept, *left)).encode()
    tight = packed(wheel(tmp_path / name, {**kept, **left, record: listed}), tmp_path / "packed")
    with zipfile.ZipFile(tight) as archive:
        assert set(archive.namelist()) == {*kept, record}
        assert archive.read(record).decode() == "".join(f"{file},sha256=x,1\n" for file in kept)


@pytest.mark.parametrize(
    ("file", "left_out"),
    [
        ("msvc_runtime-14.44.data/data/msvcp140.dll", False),
        ("msvc_runtime-14.44.data/data/msvcp140_1.dll", False),
        ("msvc_runtime-14.44.data/data/msvcp140_2.dll", True),
        ("msvc_runtime-14.44.data/data/Scripts/msvcp140.dll", True),
        ("msvc_runtime.cp311-win_amd64.pyd", True),
        ("msvc_runtime-14.44.dist-info/METADATA", False),
        ("onnxruntime/capi/libonnxruntime.so.1.32.0", True),
        ("onnxruntime/capi/libonnxruntime.1.32.0.dylib", True),
        ("onnxruntime/capi/onnxruntime.dll", True),
        ("onnxruntime/capi/libonnxruntime_providers_shared.so", False),
        ("onnxruntime/capi/onnxruntime_pybind11_state.pyd", False),
        ("onnxruntime/__init__.py", False),
    ],
)
def test_which_files_are_left_out(file: str, left_out: bool) -> None:
    package = re.split("[-./]", file)[0]
    assert (LEFT_OUT[package].search(file) is not None) == left_out


@pytest.mark.parametrize("platform", PLATFORMS)
def test_each_pin_has_a_hash_and_the_version_that_the_engine_is_tested_with(platform: str) -> None:
    target = Target(PLATFORMS[platform], PYTHONS["3.11"])
    files = pins_of(target)
    assert ("msvc_runtime" in pinned_hashes(files)) == (platform == "windows-x64")
    assert all(pinned_hashes(files).values())
    tested = (PINS / "engine.txt").read_text(encoding="utf-8").lower()
    for name, version in re.findall(r"^([\w-]+)==(\S+)", files[0].read_text(encoding="utf-8"), re.MULTILINE):
        assert f"{name.lower()}==" not in tested or f"{name.lower()}=={version}" in tested
