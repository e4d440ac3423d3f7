# SPDX-License-Identifier: GPL-3.0-or-later
"""Mixed precision: matrix products in bfloat16, where that pays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.nn import functional
from torch.overrides import TorchFunctionMode


@contextmanager
def mixed_precision(device: str, enabled: bool) -> Iterator[None]:
    """Autocast to bfloat16; on a CPU attention stays float32.

    Measured with torch 2.13 on AVX512-bf16: forward and backward through attention over the encoder's
    windows of 64 tokens took 0.182 s in bfloat16 and 0.052 s in float32 (12 pictures of 320 pixels).
    """
    with torch.autocast(device, torch.bfloat16, enabled=enabled):
        if enabled and device == "cpu":
            with _FloatAttention():
                yield
        else:
            yield


class _FloatAttention(TorchFunctionMode):
    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        if function is not functional.scaled_dot_product_attention:
            return function(*args, **(kwargs or {}))
        query, key, value, *others = args
        with torch.autocast("cpu", enabled=False):
            return function(query.float(), key.float(), value.float(), *others, **(kwargs or {}))
