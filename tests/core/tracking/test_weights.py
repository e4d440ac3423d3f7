# SPDX-License-Identifier: GPL-3.0-or-later
"""Weights load strictly; whatever else a file holds is refused in one line, and never run."""

from __future__ import annotations

import math
import os
from pathlib import Path

import pytest
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rotopoint.errors import CheckpointBroken
from rotopoint.messages import explain
from rotopoint.tracking.sam2.weights import LARGEST_WEIGHT, load_weights, read_state


class Small(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = torch.nn.Linear(3, 2)
        self.second = torch.nn.Linear(2, 1)


def state() -> dict[str, torch.Tensor]:
    torch.manual_seed(3)
    return Small().state_dict()


def refused(path: Path) -> str:
    """The complaint about a file; the model must be as it was."""
    model = Small()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with pytest.raises(CheckpointBroken) as caught:
        load_weights(model, path)
    assert caught.value.path == path
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name])
    line = explain(caught.value)
    assert "\n" not in line and str(path) in line
    return caught.value.reason


def test_both_kinds_of_file_load(tmp_path: Path) -> None:
    for path in (tmp_path / "gewichte ä.pt", tmp_path / "gewichte ä.safetensors"):
        if path.suffix == ".pt":
            torch.save({"model": state()}, path)
        else:
            safetensors.torch.save_file(state(), path)
        model = Small()
        load_weights(model, path)
        for name, tensor in state().items():
            assert torch.equal(model.state_dict()[name], tensor)


def test_half_precision_becomes_float32(tmp_path: Path) -> None:
    half = {name: tensor.half() for name, tensor in state().items()}
    safetensors.torch.save_file(half, tmp_path / "half.safetensors")
    model = Small()
    load_weights(model, tmp_path / "half.safetensors")
    for name, tensor in model.state_dict().items():
        assert tensor.dtype == torch.float32
        assert torch.equal(tensor, half[name].float())


def test_missing_and_unknown_names_and_other_shapes_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    weights = state()
    safetensors.torch.save_file({k: v for k, v in weights.items() if k != "first.bias"}, path)
    assert refused(path) == "it lacks first.bias"
    safetensors.torch.save_file({**weights, "third": torch.zeros(1)}, path)
    assert refused(path) == "the model has no third"
    safetensors.torch.save_file({**weights, "first.bias": torch.zeros(5)}, path)
    assert refused(path) == "first.bias has the shape (5,), the configuration asks for (2,)"
    safetensors.torch.save_file({**weights, "first.bias": torch.zeros(2, dtype=torch.int64)}, path)
    assert "not weights" in refused(path)


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
@pytest.mark.parametrize(
    ("value", "named"),
    [(math.nan, "(NaN)"), (math.inf, "up to inf"), (-math.inf, "up to inf"), (-2e4, "up to"), (6e4, "up to")],
)
def test_values_that_no_training_gives_are_refused_by_the_name_of_their_tensor(
    tmp_path: Path, suffix: str, dtype: torch.dtype, value: float, named: str
) -> None:
    weights = {name: tensor.to(dtype) for name, tensor in state().items()}
    weights["second.weight"][0, 1] = value
    path = tmp_path / f"w{suffix}"
    if suffix == ".pt":
        torch.save({"model": weights}, path)
    else:
        safetensors.torch.save_file(weights, path)
    reason = refused(path)
    assert reason.startswith("second.weight holds values") and named in reason


def test_the_largest_weight_that_is_taken(tmp_path: Path) -> None:
    weights = state()
    weights["first.bias"][:] = torch.tensor([LARGEST_WEIGHT, -LARGEST_WEIGHT])
    safetensors.torch.save_file(weights, tmp_path / "w.safetensors")
    load_weights(Small(), tmp_path / "w.safetensors")


class RunsACommand:
    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (self.command,)


def test_code_in_a_file_is_not_run(tmp_path: Path) -> None:
    path, trace = tmp_path / "evil.pt", tmp_path / "trace"
    torch.save({"model": {**state(), "x": RunsACommand(f'echo > "{trace}"')}}, path)
    assert "more than weights" in refused(path)
    assert not trace.exists()


def test_files_of_another_kind_are_refused(tmp_path: Path) -> None:
    for content in ([1, 2], {"state": state()}, {"model": [1]}, {"model": {"first.bias": 1.0}}, state()):
        path = tmp_path / "other.pt"
        torch.save(content, path)
        assert refused(path) == 'it has no weights under "model"'
    assert refused(tmp_path / "absent.pt") == "no such file"
    (tmp_path / "model.onnx").write_bytes(b"x")
    assert "expected a .safetensors or .pt file" in refused(tmp_path / "model.onnx")
    for name in ("empty.pt", "empty.safetensors"):
        (tmp_path / name).touch()
        refused(tmp_path / name)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@settings(max_examples=60, deadline=None)
@given(data=st.data(), suffix=st.sampled_from([".pt", ".safetensors"]))
def test_damage_anywhere_ends_in_one_type_of_error(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, suffix: str
) -> None:
    path = tmp_path_factory.mktemp("damage") / f"w{suffix}"
    if suffix == ".pt":
        torch.save({"model": state()}, path)
    else:
        safetensors.torch.save_file(state(), path)
    content = bytearray(path.read_bytes())
    cut = data.draw(st.integers(0, len(content)))
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=4)):
        content[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content[:cut])
    if cut < len(content):
        with pytest.raises(CheckpointBroken):
            read_state(path)
    else:
        try:
            read_state(path)
        except CheckpointBroken:
            pass
