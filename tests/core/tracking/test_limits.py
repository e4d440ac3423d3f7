# SPDX-License-Identifier: GPL-3.0-or-later
"""Limits are what options say, else the environment, else what is usual."""

from __future__ import annotations

import pytest

from rotopoint.errors import OptionUnreadable
from rotopoint.messages import explain
from rotopoint.tracking.limits import BESIDE_GPU, MIB, ON_CPU, ONE_PASS, MemoryLimits, asked_limits

ENVIRONMENT = {"ROTOPOINT_CACHE_MEMORY": "10", "ROTOPOINT_CACHE_DISK": "0", "ROTOPOINT_CACHE_GPU": ""}


def test_what_is_usual() -> None:
    usual = asked_limits({})
    assert usual == MemoryLimits()
    assert (usual.on_cpu, usual.beside_gpu) == (ON_CPU, BESIDE_GPU)
    assert asked_limits({}, ONE_PASS) == ONE_PASS


def test_options_come_before_the_environment() -> None:
    assert asked_limits(ENVIRONMENT) == MemoryLimits(memory=10 * MIB, disk=0)
    found = asked_limits(ENVIRONMENT, ONE_PASS, memory=0, gpu=7)
    assert found == MemoryLimits(memory=0, disk=0, gpu=7 * MIB)
    assert found.on_cpu == found.beside_gpu == 0


@pytest.mark.parametrize("text", ["-1", "1.5", "many", "1" * 10, "\u0663"])
def test_what_is_no_size_is_named(text: str) -> None:
    with pytest.raises(OptionUnreadable) as raised:
        asked_limits({"ROTOPOINT_CACHE_GPU": text})
    assert explain(raised.value) == f"ROTOPOINT_CACHE_GPU {text}: expected a whole number of MiB, 0 or more"


def test_they_are_said_in_a_line() -> None:
    assert str(MemoryLimits()) == "memory 256 MiB (2048 beside a GPU), disk 8192 MiB, GPU 512 MiB"
    assert str(MemoryLimits(MIB, 2 * MIB, 3 * MIB)) == "memory 1 MiB, disk 2 MiB, GPU 3 MiB"
