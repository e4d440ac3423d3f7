# SPDX-License-Identifier: GPL-3.0-or-later
"""SAM 2's memory encoder in the precision of the kernels: a mask, brought to the size of the features and
fused with them by ConvNeXt blocks ("A ConvNet for the 2020s", Liu et al., 2022). Channels come last."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional

from rotopoint.tracking.sam2.layers import Linear, channel_map


class _Norm:
    """The package's LayerNorm2d on channels that come last."""

    def __init__(self, module: Any, dtype: torch.dtype) -> None:
        self._weight, self._bias = module.weight.to(dtype), module.bias.to(dtype)
        self._eps = module.eps

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return functional.layer_norm(x, self._weight.shape, self._weight, self._bias, self._eps)


class _Convolution:
    """A convolution from (h, w, c) to (h, w, c)."""

    def __init__(self, module: Any, dtype: torch.dtype) -> None:
        self._weight = module.weight.to(dtype).to(memory_format=torch.channels_last)
        self._bias = module.bias.to(dtype)
        self._layout = (module.stride, module.padding, module.dilation, module.groups)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        y = functional.conv2d(x.permute(2, 0, 1)[None], self._weight, self._bias, *self._layout)
        return y[0].permute(1, 2, 0)


class _MaskStep:
    """A convolution of a mask (size, size), its norm and activation, as (h, w, c), of which c is a few.

    A norm takes each pixel's mean over the channels away, which is linear and therefore a matter of the
    convolution's weights. What is left is made plane by plane, in float32: over a few channels that lie side
    by side torch's norm takes four times as long as all of this.
    """

    def __init__(self, convolution: Any, norm: Any, dtype: torch.dtype) -> None:
        self._weight = convolution.weight - convolution.weight.mean(0)
        self._bias = convolution.bias - convolution.bias.mean()
        self._layout = (convolution.stride, convolution.padding, convolution.dilation)
        self._factor, self._added = (part[:, None, None] for part in (norm.weight, norm.bias))
        self._eps, self._dtype = norm.eps, dtype

    def __call__(self, mask: torch.Tensor) -> torch.Tensor:
        planes = functional.conv2d(mask[None, None], self._weight, self._bias, *self._layout)[0]
        planes *= planes.square().mean(0).add_(self._eps).rsqrt_()
        normed = planes.mul_(self._factor).add_(self._added)
        return functional.gelu(normed.to(self._dtype)).permute(1, 2, 0)


class _Block:
    def __init__(self, module: Any, dtype: torch.dtype) -> None:
        self._spread = _Convolution(module.dwconv, dtype)
        self._norm = _Norm(module.norm, dtype)
        self._wide = Linear.of(module.pwconv1, dtype)
        last = module.pwconv2
        scale = torch.ones_like(last.bias) if module.gamma is None else module.gamma
        self._narrow = Linear(last.weight * scale[:, None], last.bias * scale, dtype)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        return x + self._narrow(self._wide.gelu(self._norm(self._spread(x))))


class MemoryEncoder:
    """The package's module `module`."""

    def __init__(self, module: Any, dtype: torch.dtype) -> None:
        self._dtype = dtype
        convolution, norm, _, *steps, last = module.mask_downsampler.encoder
        self._first = _MaskStep(convolution, norm, dtype)
        self._steps = [
            (_Convolution(convolution, dtype), _Norm(norm, dtype))
            for convolution, norm in zip(steps[0::3], steps[1::3], strict=True)
        ]
        self._mask = channel_map(last, dtype)
        self._picture = channel_map(module.pix_feat_proj, dtype)
        self._blocks = [_Block(block, dtype) for block in module.fuser.layers]
        self._out = channel_map(module.out_proj, dtype)

    def __call__(self, top: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """The memory (1, M, h, w) of features (1, C, h, w) and a mask (size, size) as the model takes it."""
        x = self._first(mask)
        for convolution, norm in self._steps:
            x = functional.gelu(norm(convolution(x)))
        x = self._mask(x) + self._picture(top[0].permute(1, 2, 0).to(self._dtype))
        for block in self._blocks:
            x = block(x)
        return self._out(x).permute(2, 0, 1)[None].contiguous()


class PackageMemoryEncoder:
    """The package's module as it is, in float32, called as MemoryEncoder is.

    Upstream rounds memories to bfloat16, where a last bit of a float decides which of two neighbors is taken,
    and a track feeds on itself. The package's own operations take as long, and decide as upstream does.
    """

    def __init__(self, module: Any) -> None:
        self._module = module

    def __call__(self, top: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        encoded = self._module(top, mask[None, None], skip_mask_sigmoid=True)
        memory: torch.Tensor = encoded["vision_features"]
        return memory
