# SPDX-License-Identifier: GPL-3.0-or-later
"""The trunk begins with weights that have seen ImageNet, and a stage may leave it as it is."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from torch.nn import functional

from rotopoint.checkpoints.configuration import load_configuration
from rotopoint.checkpoints.trunks import ConvolutionalTrunk
from rotopoint.tracking.sam2.convolutional_trunk import Trunk, renormalization, same
from training import trunk as training_trunk
from training.recipe import load_recipe
from training.trainer import Options, Trainer
from training.trunk import EPSILON, TRUNK, folded, package_file

SMALL = ConvolutionalTrunk(
    stem_channels=4,
    channels=(4, 6, 8, 8, 10),
    repeats=(1, 2, 1, 1, 2),
    expansions=(1, 2, 2, 2, 3),
    kernel_sizes=(3, 5, 3, 5, 3),
    strides=(1, 2, 2, 2, 2),
)
CONVOLUTIONAL = """
[trunk]
stem_channels = 4
channels = [4, 6, 8, 8]
repeats = [1, 1, 1, 1]
expansions = [1, 2, 2, 2]
kernel_sizes = [3, 3, 3, 3]
strides = [2, 2, 2, 2]
"""


def invented(trunk: ConvolutionalTrunk) -> dict[str, torch.Tensor]:
    """Weights in the package's names, each batch norm with means and variances of its own."""
    generator = torch.Generator().manual_seed(0)
    state: dict[str, torch.Tensor] = {}

    def convolution(name: str, norm: str, shape: tuple[int, ...]) -> None:
        state[f"{name}.weight"] = torch.randn(shape, generator=generator) / shape[1] ** 0.5
        for part in ("weight", "bias", "running_mean", "running_var"):
            state[f"{norm}.{part}"] = torch.rand(shape[0], generator=generator) + 0.1

    convolution("_conv_stem", "_bn0", (trunk.stem_channels, 3, 3, 3))
    for number, block in enumerate(trunk.blocks):
        name, wide = f"_blocks.{number}.", block.incoming * block.expansion
        if block.expansion > 1:
            convolution(f"{name}_expand_conv", f"{name}_bn0", (wide, block.incoming, 1, 1))
        convolution(f"{name}_depthwise_conv", f"{name}_bn1", (wide, 1, block.kernel_size, block.kernel_size))
        convolution(f"{name}_project_conv", f"{name}_bn2", (block.channels, wide, 1, 1))
    return state


def normed(state: dict[str, torch.Tensor], norm: str, x: torch.Tensor) -> torch.Tensor:
    mean, variance, weight, bias = (
        state[f"{norm}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")
    )
    return functional.batch_norm(x, mean, variance, weight, bias, eps=EPSILON)


def as_published(
    state: dict[str, torch.Tensor], trunk: ConvolutionalTrunk, x: torch.Tensor
) -> list[torch.Tensor]:
    """The maps with convolutions and batch norms apart; `x` is (B, 3, S, S), (x - 127) / 128 of 0..255."""
    x = normed(state, "_bn0", functional.conv2d(same(x, 3, 2), state["_conv_stem.weight"], stride=2))
    x, maps = functional.relu6(x), []
    for number, block in enumerate(trunk.blocks):
        name, wide = f"_blocks.{number}.", x
        if block.expansion > 1:
            wide = functional.conv2d(wide, state[f"{name}_expand_conv.weight"])
            wide = functional.relu6(normed(state, f"{name}_bn0", wide))
        wide = functional.conv2d(
            same(wide, block.kernel_size, block.stride),
            state[f"{name}_depthwise_conv.weight"],
            stride=block.stride,
            groups=wide.shape[1],
        )
        wide = functional.relu6(normed(state, f"{name}_bn1", wide))
        narrow = normed(state, f"{name}_bn2", functional.conv2d(wide, state[f"{name}_project_conv.weight"]))
        x = x + narrow if block.residual else narrow
        if number in trunk.ends:
            maps.append(x)
    return maps


def test_folded_batch_norms_give_the_same_maps() -> None:
    state = invented(SMALL)
    ours = Trunk(SMALL)
    ours.load_state_dict({n.removeprefix(TRUNK): w for n, w in folded(state, SMALL).items()})
    picture = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    factor, offset = renormalization()
    with torch.no_grad():
        maps, expected = ours(picture), as_published(state, SMALL, picture * factor + offset)
    assert [m.shape[-1] for m in maps] == [16, 8, 4, 2]
    for found, wanted in zip(maps, expected, strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)


def test_weights_of_other_blocks_are_named() -> None:
    state = invented(SMALL)
    del state["_blocks.3._bn1.running_var"]
    with pytest.raises(ValueError, match=r"_blocks\.3\._bn1\.running_var"):
        folded(state, SMALL)


def test_a_package_that_is_not_there_is_named_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_trunk, "MODULE", "a_package_that_nobody_has")
    with pytest.raises(ValueError, match=r"pip install .*--require-hashes -r training/requirements\.txt"):
        package_file()


def test_another_file_in_the_package_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "some_trunk"
    (package / "models").mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('this is never run')", encoding="utf-8")
    (package / training_trunk.FILE).write_bytes(b"other weights")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setattr(training_trunk, "MODULE", "some_trunk")
    with pytest.raises(ValueError, match="not the weights that"):
        package_file()


def convolutional(recipe: Path, more: str) -> Path:
    """The tiny recipe with a trunk of convolutions, and `more` in its first stage."""
    model = recipe.parent / "tiny.toml"
    before, after = model.read_text(encoding="utf-8").split("[trunk]")
    model.write_text(before + CONVOLUTIONAL + after[after.index("[memory_attention]") :], encoding="utf-8")
    text = recipe.read_text(encoding="utf-8").replace('name = "stills"', f'name = "stills"\n{more}', 1)
    recipe.write_text(text, encoding="utf-8")
    return recipe


def test_a_trunk_of_rate_zero_stays_while_all_behind_it_learns(
    recipe: Path, stills: Path, tmp_path: Path
) -> None:
    trainer = Trainer(Options(convolutional(recipe, "trunk_rate = 0.0"), stills, tmp_path / "run", workers=0))
    before = {name: tensor.clone() for name, tensor in trainer.average.items()}
    trainer.run(3)
    moved = {n for n, tensor in trainer.average.items() if not torch.equal(tensor, before[n])}
    assert not any(name.startswith(TRUNK) for name in moved)
    assert any(name.startswith("image_encoder.neck.") for name in moved)
    assert any(name.startswith("sam_mask_decoder.") for name in moved)


def test_a_recipe_begins_with_the_weights_of_its_package(
    recipe: Path, stills: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    convolutional(recipe, "")
    recipe.write_text("pretrained_trunk = true\n" + recipe.read_text(encoding="utf-8"), encoding="utf-8")
    trunk = load_configuration(recipe.parent / "tiny.toml").trunk
    assert isinstance(trunk, ConvolutionalTrunk)
    state = invented(trunk)
    file = tmp_path / "weights.pth"
    torch.save(state, file)
    monkeypatch.setattr("training.trainer.package_file", lambda: file)
    trainer = Trainer(Options(recipe, stills, tmp_path / "run", workers=0))
    expected = folded(state, trunk)
    assert expected.keys() == {name for name in trainer.average if name.startswith(TRUNK)}
    for name, tensor in expected.items():
        assert torch.equal(trainer.average[name], tensor)


def test_a_package_of_weights_is_for_a_trunk_of_convolutions(recipe: Path) -> None:
    recipe.write_text("pretrained_trunk = true\n" + recipe.read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(ValueError, match="trunk of convolutions"):
        load_recipe(recipe)
