# SPDX-License-Identifier: GPL-3.0-or-later
"""`appearance.likeness` on the device where features are, for several subjects of a picture."""

from __future__ import annotations

import torch
from torch.nn import functional


def likeness(weights: torch.Tensor, fine: torch.Tensor, top: torch.Tensor, side: int) -> torch.Tensor:
    """What maps `weights` (B, c + C + 1) say of a picture with features `fine` (1, c, 2h, 2w) and `top`
    (1, C, h, w): (B, side, side) float32."""
    first = fine.shape[1]
    of_fine, of_top, added = weights[:, :first], weights[:, first:-1], weights[:, -1:, None]
    coarse = _enlarged(_mapped(of_top, top), fine.shape[-1])
    return _enlarged(coarse + _mapped(of_fine, fine) + added, side)


def _mapped(factors: torch.Tensor, maps: torch.Tensor) -> torch.Tensor:
    """(B, C) and (1, C, h, w) give (B, h, w): sums that are the same to the bit on any number of threads."""
    return (factors[..., None, None] * maps.float()).sum(1)


def _enlarged(maps: torch.Tensor, side: int) -> torch.Tensor:
    """Maps (B, h, w) at a larger size, interpolated between the centers of places."""
    size = (side, side)
    return functional.interpolate(maps[:, None], size=size, mode="bilinear", align_corners=False)[:, 0]
