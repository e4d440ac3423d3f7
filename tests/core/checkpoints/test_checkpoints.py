# SPDX-License-Identifier: GPL-3.0-or-later
"""The registry and what a name or a file resolves to."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from rotopoint import checkpoints
from rotopoint.checkpoints import Checkpoint, VerifyState, get, locate, registered, registry, resolve, verify
from rotopoint.checkpoints.configuration import load_configuration
from rotopoint.errors import CheckpointBroken, CheckpointMissing, CheckpointUnknown
from rotopoint.messages import explain
from rotopoint.tracking.sam2.build import build_model
from rotopoint.tracking.sam2.weights import load_weights

DATA = checkpoints.data_folder()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder of downloads."""
    folder = tmp_path / "geladene Prüfpunkte"
    folder.mkdir()
    monkeypatch.setenv(checkpoints.FOLDER_VARIABLE, str(folder))
    return folder


def test_the_registry_holds_the_draft_and_metas_four() -> None:
    assert [c.name for c in registry()] == ["draft", "tiny", "small", "base_plus", "large"]
    policy = checkpoints.registry_policy()
    for checkpoint in registry():
        load_configuration(DATA / checkpoint.configuration)
        if checkpoint.name == "draft":
            assert (checkpoint.address, checkpoint.license) == (None, "GPL-3.0-or-later")
        else:
            assert checkpoint.license == "Apache-2.0"
            assert checkpoint.address is not None and policy.refusal(checkpoint.address) is None
            assert checkpoint.address.endswith("/" + checkpoint.file)


def test_size_and_content_of_every_registered_file_are_on_record() -> None:
    for checkpoint in registry():
        assert len(bytes.fromhex(checkpoint.sha256)) == 32
        # Weights are float32 or half of that; Meta's files are float32.
        assert checkpoint.size is not None
        assert 2 <= checkpoint.size / (1e6 * checkpoint.parameters) <= 4.1
    assert len({checkpoint.sha256 for checkpoint in registry()}) == len(registry())


def test_a_file_of_another_size_is_damaged(folder: Path) -> None:
    (folder / "sam2.1_hiera_tiny.pt").write_bytes(b"x")
    result = verify(registered("tiny"))
    assert result.state is VerifyState.DAMAGED and "156008466" in result.reason


@pytest.mark.parametrize("name", ["draft", "tiny"])
def test_recorded_parameters_are_those_of_the_model(name: str) -> None:
    checkpoint = registered(name)
    model = build_model(load_configuration(DATA / checkpoint.configuration))
    count = sum(parameter.numel() for parameter in model.parameters())
    assert checkpoint.parameters == pytest.approx(count / 1e6, abs=0.005)


def test_the_embedded_draft_is_intact_and_resolves(folder: Path) -> None:
    result = verify(registered("draft"))
    assert (result.state, result.reason) == (VerifyState.INTACT, "")
    draft = resolve("draft")
    assert draft.path == get(registered("draft")) == result.path
    assert draft.sha256 == result.sha256 == hashlib.sha256(draft.path.read_bytes()).hexdigest()
    load_weights(build_model(draft.configuration), draft.path)


def test_identity_follows_content_and_configuration_not_the_place(folder: Path) -> None:
    draft = resolve("draft")
    copy = folder / "mine.safetensors"
    shutil.copy(draft.path, copy)
    assert resolve(str(copy)).identity == draft.identity
    smaller = replace(draft, configuration=replace(draft.configuration, image_size=192))
    assert smaller.identity != draft.identity
    weights = load_file(copy)
    weights["no_mem_embed"][0, 0, 0] += 1
    save_file(weights, copy)
    assert resolve(str(copy)).identity != draft.identity


def test_missing_and_unknown_checkpoints(folder: Path) -> None:
    with pytest.raises(CheckpointMissing) as missing:
        resolve("large")
    assert missing.value.path == folder / "sam2.1_hiera_large.pt"
    assert "rotopoint checkpoints get large" in explain(missing.value)
    with pytest.raises(CheckpointUnknown) as unknown:
        resolve("huge")
    assert unknown.value.known == ("draft", "tiny", "small", "base_plus", "large")
    for bad in (folder / "absent.pt", folder):
        with pytest.raises(CheckpointBroken):
            resolve(str(bad))


def test_the_folder_of_downloads(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny = registered("tiny")
    assert locate(tiny) == folder / tiny.file
    assert locate(tiny, tmp_path) == tmp_path / tiny.file
    monkeypatch.delenv(checkpoints.FOLDER_VARIABLE)
    assert locate(tiny).parts[-2:] == ("checkpoints", tiny.file)
    assert "rotopoint" in locate(tiny).parts


def test_a_configuration_beside_a_file_comes_first(folder: Path) -> None:
    file, beside = folder / "sam2.1_hiera_tiny.pt", folder / "sam2.1_hiera_tiny.toml"
    file.write_bytes(b"not read for that")
    text = (DATA / "draft" / "draft.toml").read_text(encoding="utf-8")
    ships = resolve("draft").configuration
    beside.write_text(text.replace(f"image_size = {ships.image_size}", "image_size = 320"), encoding="utf-8")
    assert resolve(str(file)).configuration == replace(ships, image_size=320)
    beside.write_text("image_size = 'x'")
    with pytest.raises(CheckpointBroken) as caught:
        resolve(str(file))
    assert caught.value.path == beside


def test_a_file_named_as_a_registered_one_has_its_configuration(folder: Path) -> None:
    file = folder / "sam2.1_hiera_small.pt"
    file.write_bytes(b"not read for that")
    assert resolve(str(file)).configuration == load_configuration(DATA / "sam2.1_small.toml")


@pytest.mark.parametrize("name", ["tiny", "draft"])
def test_other_files_are_recognized_by_their_shapes(folder: Path, name: str) -> None:
    configuration = load_configuration(DATA / registered(name).configuration)
    state = build_model(configuration).state_dict()
    torch.save({"model": state}, folder / "finetuned.pt")
    assert resolve(str(folder / "finetuned.pt")).configuration == configuration

    del state["no_obj_embed_spatial"]
    torch.save({"model": state}, folder / "finetuned.pt")
    with pytest.raises(CheckpointBroken, match="finetuned.toml"):
        resolve(str(folder / "finetuned.pt"))


def test_a_download_that_differs_from_the_record_is_not_used(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = replace(registered("tiny"), sha256="0" * 64)
    monkeypatch.setattr("rotopoint.checkpoints.resolved.registry", lambda: (tiny,))
    (folder / tiny.file).write_bytes(b"x")
    with pytest.raises(CheckpointBroken, match="not the file on record"):
        resolve("tiny")


def recorded(content: bytes, **changes: object) -> Checkpoint:
    return replace(
        registered("tiny"),
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        **changes,
    )


def test_verify_tells_the_states_apart(folder: Path) -> None:
    tiny = replace(registered("tiny"), size=None, sha256="")
    path = folder / tiny.file
    assert verify(tiny).state is VerifyState.MISSING

    torch.save({"model": {"x": torch.arange(1000)}}, path)
    content = path.read_bytes()
    assert verify(tiny).state is VerifyState.UNRECORDED
    assert "no SHA-256" in verify(tiny).reason
    assert verify(recorded(content)).state is VerifyState.INTACT

    middle = len(content) // 2
    damaged = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
    for bad in (damaged, content[:-100], b"<html>not found</html>"):
        path.write_bytes(bad)
        for checkpoint in (tiny, recorded(content)):
            result = verify(checkpoint)
            assert result.state is VerifyState.DAMAGED
            assert result.reason
            assert result.sha256 == hashlib.sha256(bad).hexdigest()


def test_get_touches_no_network_for_what_is_there(folder: Path) -> None:
    (folder / "sam2.1_hiera_tiny.pt").write_bytes(b"whole")
    there = recorded(b"whole", address="https://nowhere.invalid/sam2.1_hiera_tiny.pt")
    assert get(there) == folder / "sam2.1_hiera_tiny.pt"


def test_the_registry_needs_no_torch() -> None:
    code = (
        "import sys; from rotopoint.checkpoints import resolve; resolve('draft');"
        "assert not {'torch', 'safetensors', 'sam2', 'filelock'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
