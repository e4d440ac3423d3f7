# SPDX-License-Identifier: GPL-3.0-or-later
"""The rotary encoding of "RoFormer" (Su et al., 2021) over a grid, on channels in split order."""

from __future__ import annotations

import torch


class Rotation:
    """Turns pairs of channels by the angles of `table`, complex (..., tokens, C / 2).

    Channels are in split order: the two of a pair lie half of the channels apart.
    """

    def __init__(self, table: torch.Tensor, dtype: torch.dtype) -> None:
        self._cos, self._sin = table.real.to(dtype), table.imag.to(dtype)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """(..., tokens, C) turned by each token's place."""
        first, second = x.chunk(2, -1)
        return torch.cat(
            (
                torch.addcmul(first * self._cos, second, self._sin, value=-1),
                torch.addcmul(first * self._sin, second, self._cos),
            ),
            -1,
        )


def split_order(weight: torch.Tensor) -> torch.Tensor:
    """Rows of pairs (0, 1), (2, 3), ... as all firsts, then all seconds."""
    return torch.cat((weight[0::2], weight[1::2]))
