# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames in: image sequences and video, with Blender's frame map and the input transform applied."""

from __future__ import annotations

from pathlib import Path

from rotopoint.clip.clip import Clip
from rotopoint.clip.limits import require_count, require_file
from rotopoint.errors import ClipUnreadable, PackageMissing
from rotopoint.shot import ClipReference

__all__ = ["Clip", "open_clip"]


def open_clip(reference: ClipReference, input_transform: str = "auto") -> Clip:
    """Open a video, a folder that holds one image sequence, or the sequence that starts at an image.

    `input_transform` is as in `rotopoint.clip.transform.input_transform`. Image sequences have the header
    of each file checked, videos are gone through once without decoding.
    Raises ClipNotFound, ClipUnreadable, FramesMissing, FrameSizeDiffers, InputTransformUnknown,
    PackageMissing.
    """
    path = Path(reference.path)
    require_file(path, or_folder=True)
    if reference.frame_count is not None:
        if reference.frame_count < 1:
            raise ClipUnreadable(path, "it is said to have no frames")
        require_count(path, reference.frame_count)
    try:
        from rotopoint.clip import transform
        from rotopoint.clip.image_header import is_image

        chosen = transform.input_transform(input_transform)
        clip: Clip
        if path.is_dir() or is_image(path):
            from rotopoint.clip.images import ImageSequence

            clip = ImageSequence(reference, chosen)
        else:
            from rotopoint.clip.video import Video

            clip = Video(reference, chosen)
    except ModuleNotFoundError as error:
        raise PackageMissing(error.name or "av", "media") from error
    if reference.size is not None and reference.size != clip.size:
        clip.close()
        shown, found = (f"{width}x{height}" for width, height in (reference.size, clip.size))
        raise ClipUnreadable(path, f"Blender shows it at {shown}, its pictures are {found}")
    return clip
