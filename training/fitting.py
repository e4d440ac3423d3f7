# SPDX-License-Identifier: GPL-3.0-or-later
"""How the small networks beside the draft model are fitted."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from torch import nn

NetworkT = TypeVar("NetworkT", bound=nn.Module)

Report = Callable[[int, float], None]
"""Told each step's number and loss."""


@dataclass(frozen=True)
class Schedule:
    """AdamW's `rate`, over how many steps it rises, and what part of it a cosine ends with; `kept` is what
    stays at each step of the moving average of the weights."""

    rate: float
    warmup: int
    last: float
    kept: float

    def at(self, step: int, steps: int) -> float:
        """The rate of one of so many steps."""
        fall = self.last + (1 - self.last) * 0.5 * (1 + np.cos(np.pi * step / steps))
        return float(self.rate * min(1.0, (step + 1) / self.warmup) * fall)


def fitted_to(
    network: NetworkT,
    loss_of: Callable[[NetworkT], torch.Tensor],
    schedule: Schedule,
    steps: int,
    report: Report,
) -> NetworkT:
    """The moving average of a network's weights after so many steps down `loss_of`, which draws its examples
    itself."""
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = copy.deepcopy(network)
    taught = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(taught, weight_decay=0.01)
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = schedule.at(step, steps)
        loss = loss_of(network)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(taught, 1.0)
        optimizer.step()
        kept = min(schedule.kept, step / (step + 10))
        with torch.no_grad():
            for old, new in zip(average.parameters(), network.parameters(), strict=True):
                old.lerp_(new, 1 - kept)
        report(step + 1, float(loss.detach()))
    return average.eval()
