# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds SAM 2's modules from our configuration."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any

from rotopoint.checkpoints.configuration import ModelConfiguration
from rotopoint.checkpoints.trunks import ConvolutionalTrunk
from rotopoint.errors import PackageMissing
from rotopoint.tracking.sam2.package import modules_alone

try:
    import torch
except ModuleNotFoundError as error:
    raise PackageMissing("torch", "torch") from error

from rotopoint.tracking.sam2.convolutional_trunk import Trunk  # noqa: E402

with modules_alone():
    from sam2.modeling.backbones.hieradet import Hiera
    from sam2.modeling.backbones.image_encoder import FpnNeck, ImageEncoder
    from sam2.modeling.memory_attention import MemoryAttention, MemoryAttentionLayer
    from sam2.modeling.memory_encoder import CXBlock, Fuser, MaskDownSampler, MemoryEncoder
    from sam2.modeling.position_encoding import PositionEmbeddingSine, compute_axial_cis
    from sam2.modeling.sam.transformer import Attention, RoPEAttention
    from sam2.modeling.sam2_base import SAM2Base


def build_model(configuration: ModelConfiguration) -> SAM2Base:
    """The model that a configuration describes: on the CPU, float32, untrained, without gradients,
    set to evaluate. `load_weights` fills it."""
    model = SAM2Base(
        image_encoder=_image_encoder(configuration),
        memory_attention=_memory_attention(configuration),
        memory_encoder=_memory_encoder(configuration),
        image_size=configuration.image_size,
        backbone_stride=configuration.backbone_stride,
        sam_mask_decoder_extra_args=dataclasses.asdict(configuration.mask_decoder),
        **dataclasses.asdict(configuration.tracking),
    )
    return model.eval().requires_grad_(False)


def _image_encoder(configuration: ModelConfiguration) -> ImageEncoder:
    neck = configuration.neck
    return ImageEncoder(
        trunk=_trunk(configuration),
        neck=FpnNeck(
            position_encoding=_position_encoding(configuration.hidden_dim),
            d_model=configuration.hidden_dim,
            # A list: the encoder compares it with the trunk's.
            backbone_channel_list=list(configuration.trunk.map_channels),
            fpn_top_down_levels=list(neck.fpn_top_down_levels),
            fpn_interp_model=neck.fpn_interp_model,
        ),
        scalp=neck.scalp,
    )


def _trunk(configuration: ModelConfiguration) -> torch.nn.Module:
    trunk = configuration.trunk
    if isinstance(trunk, ConvolutionalTrunk):
        return Trunk(trunk)
    hiera: torch.nn.Module = Hiera(
        embed_dim=trunk.embed_dim,
        num_heads=trunk.num_heads,
        stages=trunk.stages,
        global_att_blocks=trunk.global_att_blocks,
        window_pos_embed_bkg_spatial_size=trunk.window_pos_embed_bkg_spatial_size,
        window_spec=trunk.window_spec,
    )
    return hiera


def _memory_attention(configuration: ModelConfiguration) -> MemoryAttention:
    asked, hidden = configuration.memory_attention, configuration.hidden_dim
    attention = partial(
        _RotaryAttention,
        embedding_dim=hidden,
        num_heads=asked.num_heads,
        downsample_rate=asked.downsample_rate,
        dropout=asked.dropout,
        rope_theta=asked.rope_theta,
        feature_size=configuration.feature_size,
    )
    layer = MemoryAttentionLayer(
        activation=asked.activation,
        d_model=hidden,
        dim_feedforward=asked.dim_feedforward,
        dropout=asked.dropout,
        pos_enc_at_attn=asked.pos_enc_at_attn,
        pos_enc_at_cross_attn_keys=asked.pos_enc_at_cross_attn_keys,
        pos_enc_at_cross_attn_queries=asked.pos_enc_at_cross_attn_queries,
        self_attention=attention(rope_k_repeat=False),
        cross_attention=attention(rope_k_repeat=True, kv_in_dim=configuration.memory_encoder.out_dim),
    )
    return MemoryAttention(
        d_model=hidden, pos_enc_at_input=asked.pos_enc_at_input, layer=layer, num_layers=asked.num_layers
    )


def _memory_encoder(configuration: ModelConfiguration) -> MemoryEncoder:
    asked, hidden = configuration.memory_encoder, configuration.hidden_dim
    return MemoryEncoder(
        out_dim=asked.out_dim,
        in_dim=hidden,
        position_encoding=_position_encoding(asked.out_dim),
        mask_downsampler=MaskDownSampler(
            embed_dim=hidden,
            kernel_size=asked.downsampler_kernel_size,
            stride=asked.downsampler_stride,
            padding=asked.downsampler_padding,
            total_stride=configuration.backbone_stride,
        ),
        fuser=Fuser(
            CXBlock(
                dim=hidden,
                kernel_size=asked.fuser_kernel_size,
                padding=asked.fuser_padding,
                layer_scale_init_value=asked.fuser_layer_scale_init_value,
                use_dwconv=asked.fuser_use_dwconv,
            ),
            num_layers=asked.fuser_layers,
        ),
    )


def _position_encoding(channels: int) -> PositionEmbeddingSine:
    # Warming its cache up would put tables on CUDA wherever that is there.
    return PositionEmbeddingSine(
        num_pos_feats=channels, temperature=10000, normalize=True, warmup_cache=False
    )


class _RotaryAttention(RoPEAttention):  # type: ignore[misc]
    """The package's rotary attention with its table made on the default device.

    The package's constructor puts the table on CUDA wherever that is there, whatever device the model is
    for. Its `forward` brings the table to the device of the queries, and anew for another feature size.
    """

    def __init__(self, *, feature_size: int, rope_theta: float, rope_k_repeat: bool, **options: Any) -> None:
        Attention.__init__(self, **options)
        width = self.internal_dim // self.num_heads
        self.compute_cis = partial(compute_axial_cis, dim=width, theta=rope_theta)
        self.freqs_cis: torch.Tensor = self.compute_cis(end_x=feature_size, end_y=feature_size)
        self.rope_k_repeat = rope_k_repeat
