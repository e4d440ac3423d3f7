# SPDX-License-Identifier: GPL-3.0-or-later
"""How many threads compute, and that they share the cores."""

from __future__ import annotations

import os
import sys

import pytest

from rotopoint.cores import SPINS, default_threads, share_cores


@pytest.mark.parametrize(("cores", "threads"), [(1, 1), (2, 1), (16, 15)])
def test_one_core_is_left_to_others(monkeypatch: pytest.MonkeyPatch, cores: int, threads: int) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(cores)), raising=False)
    assert default_threads() == threads


def test_where_the_system_tells_cores_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    assert default_threads() == 7
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert default_threads() == 1


@pytest.fixture
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    # Set first, so that what the test sets goes away after it.
    for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("platform", "name", "value"),
    [("linux", "GOMP_SPINCOUNT", SPINS), ("win32", "OMP_WAIT_POLICY", "PASSIVE")],
)
def test_waiting_threads_soon_sleep(
    plain_environment: None, monkeypatch: pytest.MonkeyPatch, platform: str, name: str, value: str
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    share_cores()
    assert os.environ[name] == value


def test_a_setting_of_the_users_own_stays(plain_environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    share_cores()
    assert os.environ["OMP_WAIT_POLICY"] == "ACTIVE"
    assert "GOMP_SPINCOUNT" not in os.environ
