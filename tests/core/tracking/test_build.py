# SPDX-License-Identifier: GPL-3.0-or-later
"""Models built from our configurations equal those that the package builds from its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch

from rotopoint.checkpoints.configuration import ModelConfiguration, load_configuration
from rotopoint.errors import PackageMissing
from rotopoint.messages import explain
from rotopoint.tracking.sam2.build import build_model
from rotopoint.tracking.sam2.package import modules_alone, sam2_module

CHECKPOINTS = Path(__file__).resolve().parents[3] / "checkpoints"

SMALL_HIERA = "small_hiera"
"""A configuration of the tests' own."""

PACKAGE_CONFIGURATION = {
    "sam2.1_tiny": "configs/sam2.1/sam2.1_hiera_t.yaml",
    "sam2.1_small": "configs/sam2.1/sam2.1_hiera_s.yaml",
    "sam2.1_base_plus": "configs/sam2.1/sam2.1_hiera_b+.yaml",
    "sam2.1_large": "configs/sam2.1/sam2.1_hiera_l.yaml",
}

SMALL_HIERA_AS_OVERRIDES = [
    "++model.image_size=256",
    "++model.num_maskmem=2",
    "++model.max_obj_ptrs_in_encoder=3",
    "++model.image_encoder.trunk.embed_dim=32",
    "++model.image_encoder.trunk.stages=[1,1,3,1]",
    "++model.image_encoder.trunk.global_att_blocks=[4]",
    "++model.image_encoder.trunk.window_spec=[8,4,16,8]",
    "++model.image_encoder.neck.d_model=128",
    "++model.image_encoder.neck.backbone_channel_list=[256,128,64,32]",
    "++model.image_encoder.neck.position_encoding.num_pos_feats=128",
    "++model.memory_attention.d_model=128",
    "++model.memory_attention.num_layers=2",
    "++model.memory_attention.layer.d_model=128",
    "++model.memory_attention.layer.dim_feedforward=512",
    "++model.memory_attention.layer.dropout=0.0",
    *(
        f"++model.memory_attention.layer.{kind}_attention.{option}"
        for kind in ("self", "cross")
        for option in ("embedding_dim=128", "dropout=0.0", "feat_sizes=[16,16]")
    ),
    "++model.memory_encoder.in_dim=128",
    "++model.memory_encoder.mask_downsampler.embed_dim=128",
    "++model.memory_encoder.fuser.layer.dim=128",
]

OF_THE_PREDICTOR = {
    "fill_hole_area",
    "non_overlap_masks",
    "clear_non_cond_mem_around_input",
    "add_all_frames_to_correct_as_cond",
}
"""Attributes of SAM2VideoPredictor that SAM2Base has not: they belong to the loop around the model."""


def configuration(name: str) -> ModelConfiguration:
    folder = Path(__file__).parent if name == SMALL_HIERA else CHECKPOINTS
    return load_configuration(folder / f"{name}.toml")


def built_by_the_package(name: str, *overrides: str) -> torch.nn.Module:
    from sam2.build_sam import build_sam2_video_predictor

    if name == SMALL_HIERA:
        name, overrides = "sam2.1_tiny", (*SMALL_HIERA_AS_OVERRIDES, *overrides)
    return build_sam2_video_predictor(
        PACKAGE_CONFIGURATION[name], device="cpu", hydra_overrides_extra=list(overrides)
    )


def described(value: object) -> object:
    """A value without the wrappings that differ with who read the configuration."""
    if isinstance(value, torch.Tensor):
        return (tuple(value.shape), value.dtype, value.device, value.tolist())
    if isinstance(value, partial):
        return (value.func, value.args, value.keywords)
    if isinstance(value, Mapping):
        return {key: described(v) for key, v in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return tuple(described(v) for v in value)
    return value


def everything_but_weights(model: torch.nn.Module) -> dict[str, dict[str, object]]:
    return {
        name: {key: described(v) for key, v in vars(module).items() if key[0] != "_"}
        for name, module in model.named_modules()
    }


def shapes(model: torch.nn.Module) -> dict[str, tuple[torch.Size, torch.dtype]]:
    return {name: (tensor.shape, tensor.dtype) for name, tensor in model.state_dict().items()}


@pytest.mark.parametrize("name", [*PACKAGE_CONFIGURATION, SMALL_HIERA])
def test_modules_equal_those_that_the_package_builds(name: str) -> None:
    ours = build_model(configuration(name))
    our_shapes, our_attributes = shapes(ours), everything_but_weights(ours)
    our_kinds = {module_name: type(module) for module_name, module in ours.named_modules()}
    assert not any(parameter.requires_grad for parameter in ours.parameters())
    del ours

    theirs = built_by_the_package(name)
    their_attributes = everything_but_weights(theirs)
    for attribute in OF_THE_PREDICTOR:
        del their_attributes[""][attribute]

    assert our_shapes == shapes(theirs)
    assert our_attributes == their_attributes
    for module_name, module in theirs.named_modules():
        kind = our_kinds[module_name]
        # Ours is their base class at the root, and their rotary attention's subclass in the memory attention.
        assert issubclass(type(module), kind) or issubclass(kind, type(module)), module_name


@pytest.mark.parametrize("name", ["sam2.1_tiny", SMALL_HIERA])
def test_same_weights_give_the_same_bits(name: str) -> None:
    theirs = built_by_the_package(name, "++model.image_size=128")
    ours = build_model(replace(configuration(name), image_size=128))
    random = torch.Generator().manual_seed(20)
    weights = {
        key: 0.05 * torch.randn(value.shape, generator=random) for key, value in theirs.state_dict().items()
    }
    theirs.load_state_dict(weights)
    ours.load_state_dict(weights)

    picture = torch.randn(1, 3, 128, 128, generator=random)
    hidden, side = ours.hidden_dim, 8
    memories = torch.randn(2 * side * side + 4, 1, ours.mem_dim, generator=random)
    points = {"point_coords": torch.tensor([[[40.0, 50.0]]]), "point_labels": torch.tensor([[1]])}

    def outputs(model: torch.nn.Module) -> list[torch.Tensor]:
        with torch.inference_mode():
            image = model.forward_image(picture)
            top = image["backbone_fpn"][-1].flatten(2).permute(2, 0, 1)
            place = image["vision_pos_enc"][-1].flatten(2).permute(2, 0, 1)
            fused = model.memory_attention(
                curr=[top], curr_pos=[place], memory=memories, memory_pos=0.5 * memories, num_obj_ptr_tokens=4
            )
            grid = fused.permute(1, 2, 0).reshape(1, hidden, side, side)
            decoded = model._forward_sam_heads(
                backbone_features=grid,
                point_inputs=points,
                high_res_features=image["backbone_fpn"][:-1],
                multimask_output=False,
            )
            memory = model.memory_encoder(grid, decoded[4], skip_mask_sigmoid=True)
        return [
            *image["backbone_fpn"],
            *image["vision_pos_enc"],
            fused,
            *decoded,
            memory["vision_features"],
            *memory["vision_pos_enc"],
        ]

    ours_out, theirs_out = outputs(ours), outputs(theirs)
    assert len(ours_out) == len(theirs_out) == 16
    for a, b in zip(ours_out, theirs_out, strict=True):
        assert torch.isfinite(a).all() and torch.equal(a, b)


def test_building_leaves_cuda_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package's constructors send tables to CUDA wherever it says that it is available."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    model = build_model(configuration("draft/draft"))
    tables = [m.freqs_cis for m in model.modules() if hasattr(m, "freqs_cis")]
    assert len(tables) == 4
    assert {t.device.type for t in tables} == {"cpu"}
    assert [m.cache for m in model.modules() if hasattr(m, "cache")] == [{}, {}]
    assert not torch.cuda.is_initialized()


BUILD_WITHOUT_HYDRA = """
import sys
from pathlib import Path

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("hydra", "omegaconf"):
            raise ModuleNotFoundError("No module named " + name, name=name)

sys.meta_path.insert(0, Blocked())
from rotopoint.checkpoints.configuration import load_configuration
from rotopoint.tracking.sam2.build import build_model
from rotopoint.tracking.sam2.weights import load_weights
folder = Path(sys.argv[1])
model = build_model(load_configuration(folder / "draft.toml"))
load_weights(model, folder / "draft.safetensors")
import torch
with torch.inference_mode():
    features = model.forward_image(torch.zeros(1, 3, 256, 256))["vision_features"]
assert features.shape == (1, 128, 16, 16) and features.isfinite().all()
assert "sam2" not in sys.modules
sys.meta_path.pop(0)
import sam2
from hydra.core.global_hydra import GlobalHydra
assert GlobalHydra.instance().is_initialized()
from sam2.sam2_video_predictor import SAM2VideoPredictor
assert isinstance(model, SAM2VideoPredictor.__base__)
"""


def test_works_without_hydra_and_leaves_the_package_whole_for_others() -> None:
    done = subprocess.run(
        [sys.executable, "-c", BUILD_WITHOUT_HYDRA, str(CHECKPOINTS / "draft")],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_a_package_that_others_imported_stays_theirs() -> None:
    import sam2

    with modules_alone():
        assert sys.modules["sam2"] is sam2
    assert sys.modules["sam2"] is sam2


def test_missing_package_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "sam2").mkdir()
    monkeypatch.delitem(sys.modules, "sam2", raising=False)
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    with pytest.raises(PackageMissing) as caught:
        sam2_module("modeling.sam2_base")
    assert caught.value.package == "RF-SAM-2"
    assert explain(caught.value).endswith("pip install --no-deps RF-SAM-2")


def test_a_package_without_the_module_asked_for_is_named_as_it_is_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, "sam2", raising=False)
    with pytest.raises(PackageMissing) as caught:
        sam2_module("modeling.not_there")
    assert caught.value.package == "RF-SAM-2"
