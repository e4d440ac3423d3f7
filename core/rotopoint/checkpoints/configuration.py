# SPDX-License-Identifier: GPL-3.0-or-later
"""A SAM 2 model described as plain data, read from TOML. Field names are those of SAM 2's own modules.

Each number has limits, wide beside those of the models that there are: a file may come from anywhere, and
must not make a machine build for ever. Options that the runtime knows one value of are refused with another.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rotopoint.checkpoints.trunks import ConvolutionalTrunk
from rotopoint.errors import CheckpointBroken
from rotopoint.tables import read_table
from rotopoint.tracking.runtime import ModelShape


@dataclass(frozen=True)
class Trunk:
    """The Hiera image encoder: channels double and the picture halves from stage to stage."""

    embed_dim: int
    num_heads: int
    stages: tuple[int, ...]
    """Blocks of each stage."""
    global_att_blocks: tuple[int, ...]
    window_pos_embed_bkg_spatial_size: tuple[int, int]
    window_spec: tuple[int, ...]
    """Side of the attention window of each stage."""

    def __post_init__(self) -> None:
        _within("trunk.embed_dim", self.embed_dim, 1, 256)
        _within("trunk.num_heads", self.num_heads, 1, 16)
        _require(self.embed_dim % self.num_heads == 0, "trunk.num_heads must divide trunk.embed_dim")
        _require(len(self.stages) == 4, "trunk.stages: expected four numbers")
        _require(len(self.window_spec) == 4, "trunk.window_spec: expected four numbers")
        for blocks in self.stages:
            _within("trunk.stages", blocks, 1, 64)
        for side in self.window_spec:
            _within("trunk.window_spec", side, 1, 64)
        for side in self.window_pos_embed_bkg_spatial_size:
            _within("trunk.window_pos_embed_bkg_spatial_size", side, 1, 64)
        _require(
            all(0 <= n < sum(self.stages) for n in self.global_att_blocks),
            f"trunk.global_att_blocks: blocks are numbered from 0 to {sum(self.stages) - 1}",
        )

    @property
    def map_channels(self) -> tuple[int, ...]:
        """Channels of the stages' outputs, the coarsest first."""
        return tuple(self.embed_dim * 2**n for n in reversed(range(len(self.stages))))

    @property
    def block_count(self) -> int:
        return sum(self.stages)

    def told_by(self) -> dict[str, tuple[int, ...]]:
        """Shapes of weights that tell this trunk from others, by their names in a checkpoint."""
        size = self.window_pos_embed_bkg_spatial_size
        return {"image_encoder.trunk.pos_embed": (1, self.embed_dim, *size)}


@dataclass(frozen=True)
class Neck:
    """The feature pyramid over the trunk's stages."""

    fpn_top_down_levels: tuple[int, ...] = (2, 3)
    fpn_interp_model: str = "nearest"
    scalp: int = 1
    """How many of the coarsest levels are left out."""

    def __post_init__(self) -> None:
        # The kernels are written for what all SAM 2 models have.
        _require(self.fpn_top_down_levels == (2, 3), "neck.fpn_top_down_levels: expected [2, 3]")
        _require(self.fpn_interp_model == "nearest", 'neck.fpn_interp_model: expected "nearest"')
        _require(self.scalp == 1, "neck.scalp: expected 1")


@dataclass(frozen=True)
class MemoryAttention:
    """The transformer that conditions a frame's features on memories and object pointers."""

    num_layers: int = 4
    dim_feedforward: int = 2048
    activation: str = "relu"
    dropout: float = 0.1
    num_heads: int = 1
    downsample_rate: int = 1
    rope_theta: float = 10000.0
    pos_enc_at_input: bool = True
    pos_enc_at_attn: bool = False
    pos_enc_at_cross_attn_keys: bool = True
    pos_enc_at_cross_attn_queries: bool = False

    def __post_init__(self) -> None:
        _within("memory_attention.num_layers", self.num_layers, 1, 16)
        _within("memory_attention.dim_feedforward", self.dim_feedforward, 1, 8192)
        _within("memory_attention.dropout", self.dropout, 0, 1)
        _within("memory_attention.rope_theta", self.rope_theta, 1, 1e9)
        # The kernels are written for what all SAM 2 models have.
        _require(self.downsample_rate == 1, "memory_attention.downsample_rate: expected 1")
        _require(self.num_heads == 1, "memory_attention.num_heads: expected 1")
        _require(self.activation == "relu", 'memory_attention.activation: expected "relu"')
        _require(
            self.pos_enc_at_cross_attn_keys
            and not self.pos_enc_at_attn
            and not self.pos_enc_at_cross_attn_queries,
            "memory_attention: positions are added at cross attention's keys alone",
        )


@dataclass(frozen=True)
class MemoryEncoder:
    """What turns a frame's features and mask into a memory of `out_dim` channels."""

    out_dim: int = 64
    downsampler_kernel_size: int = 3
    downsampler_stride: int = 2
    downsampler_padding: int = 1
    fuser_layers: int = 2
    fuser_kernel_size: int = 7
    fuser_padding: int = 3
    fuser_layer_scale_init_value: float = 1e-6
    fuser_use_dwconv: bool = True

    def __post_init__(self) -> None:
        _within("memory_encoder.out_dim", self.out_dim, 4, 256)
        _require(self.out_dim % 4 == 0, "memory_encoder.out_dim: expected a multiple of 4")
        # Four steps by two go from the picture to the features.
        _require(self.downsampler_stride == 2, "memory_encoder.downsampler_stride: expected 2")
        _within("memory_encoder.downsampler_kernel_size", self.downsampler_kernel_size, 1, 31)
        _require(
            self.downsampler_kernel_size - 2 * self.downsampler_padding in (1, 2),
            "memory_encoder.downsampler_padding: expected half of downsampler_kernel_size, rounded down",
        )
        _within("memory_encoder.fuser_layers", self.fuser_layers, 1, 16)
        _within("memory_encoder.fuser_kernel_size", self.fuser_kernel_size, 1, 31)
        _require(
            self.fuser_kernel_size - 2 * self.fuser_padding == 1,
            "memory_encoder.fuser_padding: expected half of an odd fuser_kernel_size, rounded down",
        )
        _within("memory_encoder.fuser_layer_scale_init_value", self.fuser_layer_scale_init_value, 0, 1)


@dataclass(frozen=True)
class MaskDecoder:
    """Which of the decoder's masks is taken where one mask is asked for.

    The defaults are those of the package's post-processing, which its predictors switch on unless told
    otherwise: a single mask that is not stable gives way to the best of three.
    """

    dynamic_multimask_via_stability: bool = True
    dynamic_multimask_stability_delta: float = 0.05
    dynamic_multimask_stability_thresh: float = 0.98

    def __post_init__(self) -> None:
        delta, least = self.dynamic_multimask_stability_delta, self.dynamic_multimask_stability_thresh
        _within("mask_decoder.dynamic_multimask_stability_delta", delta, 0, 32)
        _within("mask_decoder.dynamic_multimask_stability_thresh", least, 0, 1)


@dataclass(frozen=True)
class Calibration:
    """How what a model says to a track's first prompts becomes a mask, where its own choice is poor.

    To one click the mask answers whose predicted IoU is `sure` or more; where none is, the coverage of the
    three is averaged, the chances of each to be the one that is meant being in proportion to
    exp(predicted IoU / `spread`). To several points or a box the mask for several
    points answers, stable or not. The mask is where coverage is over `level`: for what is unsure, the largest
    IoU to be expected lies under 0.5 (for F-measures: Lipton et al., "Optimal Thresholding of Classifiers to
    Maximize F1 Measure", 2014). The memory of a prompted frame keeps what the answer is unsure of, where
    SAM 2 makes it of zeros and ones. `second_look`: what part is taken of what a close-up would change in the
    answer to clicks that start a track (`tracking/refinement.py`). `boundary`: what part is taken of what a
    close-up of the plate finds of every mask's boundary when mattes are made (`mattes/boundary.py`).
    `appearance`: the logit that is added to a tracked picture's where it looks like the subject of prompted
    ones, and taken away where it looks like what lay around it (`tracking/appearance.py`). `motion`: how much
    it counts, in the answer to points that start a track, how much likelier a place moves with the subject
    than with what lies around it (`tracking/motion.py`).
    """

    spread: float
    level: float
    sure: float
    second_look: float = 0.0
    boundary: float = 0.0
    appearance: float = 0.0
    motion: float = 0.0

    def __post_init__(self) -> None:
        _within("calibration.spread", self.spread, 1e-3, 1e3)
        _within("calibration.level", self.level, 1e-3, 1 - 1e-3)
        _within("calibration.sure", self.sure, 0, 2)
        _within("calibration.second_look", self.second_look, 0, 1)
        _within("calibration.boundary", self.boundary, 0, 1)
        _within("calibration.appearance", self.appearance, 0, 32)
        _within("calibration.motion", self.motion, 0, 32)


RUNTIME_TAKES: Mapping[str, int | bool] = {
    "max_cond_frames_in_attn": -1,
    "memory_temporal_stride_for_eval": 1,
    "non_overlap_masks_for_mem_enc": False,
    "use_mask_input_as_output_without_sam": True,
    "directly_add_no_mem_embed": True,
    "use_high_res_features_in_sam": True,
    "use_multimask_token_for_obj_ptr": True,
    "iou_prediction_use_sigmoid": True,
    "use_obj_ptrs_in_encoder": True,
    "add_tpos_enc_to_obj_ptrs": True,
    "proj_tpos_enc_in_obj_ptrs": True,
    "use_signed_tpos_enc_to_obj_ptrs": True,
    "only_obj_ptrs_in_the_past_for_eval": True,
    "pred_obj_scores": True,
    "fixed_no_obj_ptr": True,
    "soft_no_obj_ptr": False,
}
"""Tracking options that the runtime knows one value of. Policies choose memories, whatever a file says."""


@dataclass(frozen=True)
class TrackingOptions:
    """Options of `SAM2Base` that all SAM 2.1 models share unless their file says otherwise.

    The memory bank holds `num_maskmem` frames and `max_obj_ptrs_in_encoder` object pointers.
    """

    num_maskmem: int = 7
    max_obj_ptrs_in_encoder: int = 16
    max_cond_frames_in_attn: int = -1
    memory_temporal_stride_for_eval: int = 1
    sigmoid_scale_for_mem_enc: float = 20.0
    sigmoid_bias_for_mem_enc: float = -10.0
    binarize_mask_from_pts_for_mem_enc: bool = True
    non_overlap_masks_for_mem_enc: bool = False
    use_mask_input_as_output_without_sam: bool = True
    directly_add_no_mem_embed: bool = True
    no_obj_embed_spatial: bool = True
    use_high_res_features_in_sam: bool = True
    multimask_output_in_sam: bool = True
    multimask_output_for_tracking: bool = True
    multimask_min_pt_num: int = 0
    multimask_max_pt_num: int = 1
    use_multimask_token_for_obj_ptr: bool = True
    iou_prediction_use_sigmoid: bool = True
    use_obj_ptrs_in_encoder: bool = True
    add_tpos_enc_to_obj_ptrs: bool = True
    proj_tpos_enc_in_obj_ptrs: bool = True
    use_signed_tpos_enc_to_obj_ptrs: bool = True
    only_obj_ptrs_in_the_past_for_eval: bool = True
    use_mlp_for_obj_ptr_proj: bool = True
    pred_obj_scores: bool = True
    pred_obj_scores_mlp: bool = True
    fixed_no_obj_ptr: bool = True
    soft_no_obj_ptr: bool = False

    def __post_init__(self) -> None:
        _within("tracking.num_maskmem", self.num_maskmem, 1, 64)
        # Distances of pointers in time are parts of the longest one.
        _within("tracking.max_obj_ptrs_in_encoder", self.max_obj_ptrs_in_encoder, 2, 256)
        _within("tracking.sigmoid_scale_for_mem_enc", self.sigmoid_scale_for_mem_enc, -1e3, 1e3)
        _within("tracking.sigmoid_bias_for_mem_enc", self.sigmoid_bias_for_mem_enc, -1e3, 1e3)
        _within("tracking.multimask_min_pt_num", self.multimask_min_pt_num, 0, 1000)
        _within("tracking.multimask_max_pt_num", self.multimask_max_pt_num, 0, 1000)
        for name, value in RUNTIME_TAKES.items():
            told = str(value).lower()
            _require(getattr(self, name) == value, f"tracking.{name}: the runtime knows {told} alone")


@dataclass(frozen=True)
class ModelConfiguration:
    """All that decides a SAM 2 model but its weights. `image_size` is the side of its square input."""

    image_size: int
    trunk: Trunk | ConvolutionalTrunk
    hidden_dim: int = 256
    """Channels of the neck, the memory attention, the prompt encoder and the mask decoder."""
    backbone_stride: int = 16
    neck: Neck = field(default_factory=Neck)
    memory_attention: MemoryAttention = field(default_factory=MemoryAttention)
    memory_encoder: MemoryEncoder = field(default_factory=MemoryEncoder)
    mask_decoder: MaskDecoder = field(default_factory=MaskDecoder)
    tracking: TrackingOptions = field(default_factory=TrackingOptions)
    calibration: Calibration | None = None
    """None: masks are chosen and cut as SAM 2 does."""

    def __post_init__(self) -> None:
        _within("image_size", self.image_size, 64, 2048)
        _require(self.image_size % 64 == 0, f"image_size: expected a multiple of 64, not {self.image_size}")
        _within("hidden_dim", self.hidden_dim, 16, 1024)
        # 16: eight heads of the mask decoder, which attends to the image with half of the channels.
        _require(self.hidden_dim % 16 == 0, "hidden_dim: expected a multiple of 16")
        # The trunk halves the picture four times up to the features.
        _require(self.backbone_stride == 16, "backbone_stride: expected 16")
        _require(
            self.hidden_dim % self.memory_encoder.out_dim == 0,
            "memory_encoder.out_dim must divide hidden_dim: pointers are cut into pieces as wide as memories",
        )
        _require(
            not isinstance(self.trunk, Trunk) or self.image_size // 4 % self.trunk.window_spec[0] == 0,
            "trunk.window_spec: the first window must divide a quarter of image_size",
        )

    @property
    def feature_size(self) -> int:
        """Side of the feature map that the memory attention works on."""
        return self.image_size // self.backbone_stride

    @property
    def shape(self) -> ModelShape:
        """The sizes that the tracking loop and the store need."""
        return ModelShape(
            input_size=self.image_size,
            logit_size=self.feature_size * 4,
            pointer_size=self.hidden_dim,
            memory_count=self.tracking.num_maskmem,
            pointer_count=self.tracking.max_obj_ptrs_in_encoder,
            second_look=0.0 if self.calibration is None else self.calibration.second_look,
            motion=0.0 if self.calibration is None else self.calibration.motion,
        )

    @property
    def boundary(self) -> float:
        """What part of what a close-up of the plate finds of a boundary mattes take, 0..1."""
        return 0.0 if self.calibration is None else self.calibration.boundary

    def fingerprint(self) -> str:
        """32 hex digits that differ where any value differs."""
        text = json.dumps(dataclasses.asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:32]


def load_configuration(path: Path) -> ModelConfiguration:
    """The configuration in a TOML file; raises CheckpointBroken where it cannot be used."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CheckpointBroken(path, f"cannot read the configuration: {error}") from error
    return parse_configuration(text, path)


def parse_configuration(text: str, path: Path) -> ModelConfiguration:
    """The configuration in TOML text; `path` is named in complaints.

    Keys are strict: an unknown or missing key or a value of another type raises CheckpointBroken.
    """
    try:
        return read_table(ModelConfiguration, tomllib.loads(text))
    except ValueError as error:
        raise CheckpointBroken(path, f"configuration: {error}") from error
    except RecursionError as error:
        raise CheckpointBroken(path, "configuration: it is nested too deeply") from error


def _require(holds: bool, reason: str) -> None:
    if not holds:
        raise ValueError(reason)


def _within(key: str, value: float, least: float, most: float) -> None:
    """Also refuses NaN, which no comparison holds for."""
    # The value itself may have thousands of digits.
    _require(least <= value <= most, f"{key}: expected a number from {least:g} to {most:g}")
