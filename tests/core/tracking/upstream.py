# SPDX-License-Identifier: GPL-3.0-or-later
"""Drives SAM2VideoPredictor, upstream's own predictor, on pictures in memory."""

from __future__ import annotations

import dataclasses
from collections import OrderedDict
from collections.abc import Mapping, Sequence

import numpy as np
import torch

from rotopoint.checkpoints.configuration import ModelConfiguration
from rotopoint.tracking.sam2.build import build_model
from rotopoint.tracking.sam2.package import sam2_module
from rotopoint.tracking.sam2.weights import load_weights


def upstream_predictor(configuration: ModelConfiguration, weights, compiled: bool = False):
    """SAM2VideoPredictor with its default post-processing, keeping corrections as conditioning frames.

    `compiled`: its variant for which torch compiles all parts.
    """
    model = build_model(configuration)
    load_weights(model, weights)
    module = sam2_module("sam2_video_predictor")
    predictor_type = module.SAM2VideoPredictorVOS if compiled else module.SAM2VideoPredictor
    predictor = predictor_type(
        image_encoder=model.image_encoder,
        memory_attention=model.memory_attention,
        memory_encoder=model.memory_encoder,
        image_size=configuration.image_size,
        backbone_stride=configuration.backbone_stride,
        sam_mask_decoder_extra_args=dataclasses.asdict(configuration.mask_decoder),
        fill_hole_area=8,
        add_all_frames_to_correct_as_cond=True,
        compile_image_encoder=compiled,
        **dataclasses.asdict(configuration.tracking),
    )
    predictor.load_state_dict(model.state_dict())
    return predictor.eval()


def upstream_state(images: torch.Tensor, size: tuple[int, int]) -> dict:
    """What `init_state` makes, of pictures (n, 3, s, s) that are already resized and normalized."""
    width, height = size
    device = images.device
    per_object = (
        "point_inputs_per_obj",
        "mask_inputs_per_obj",
        "output_dict_per_obj",
        "temp_output_dict_per_obj",
        "frames_tracked_per_obj",
    )
    return {
        "images": images,
        "num_frames": len(images),
        "offload_video_to_cpu": False,
        "offload_state_to_cpu": False,
        "video_height": height,
        "video_width": width,
        "device": device,
        "storage_device": device,
        "cached_features": {},
        "constants": {},
        "obj_id_to_idx": OrderedDict(),
        "obj_idx_to_id": OrderedDict(),
        "obj_ids": [],
        **{name: {} for name in per_object},
    }


def propagate_with_corrections(
    predictor,
    images: torch.Tensor,
    size: tuple[int, int],
    clicks: Mapping[int, Sequence[tuple[float, float, int]]],
) -> dict[int, np.ndarray]:
    """Low-resolution logits by frame: prompt, propagate, correct, propagate again.

    `clicks`: (x, y, label) by frame, in pixels of the model's input with centers at .5.
    """
    state = upstream_state(images, size)
    for frame in sorted(clicks):
        # Upstream adds half a pixel after it has scaled coordinates.
        xy = [[(x - 0.5) / images.shape[-1], (y - 0.5) / images.shape[-1]] for x, y, _ in clicks[frame]]
        labels = np.array([label for *_, label in clicks[frame]], np.int32)
        predictor.add_new_points_or_box(
            state, frame, 1, points=np.array(xy, np.float32), labels=labels, normalize_coords=False
        )
        for _ in predictor.propagate_in_video(state):
            pass
    outputs = state["output_dict_per_obj"][0]
    kept = {**outputs["non_cond_frame_outputs"], **outputs["cond_frame_outputs"]}
    return {frame: out["pred_masks"][0, 0].float().numpy() for frame, out in kept.items()}
