# SPDX-License-Identifier: GPL-3.0-or-later
"""Threads share the cores, unless a user says otherwise."""

import os

import pytest

from rotopoint.tracking.threads import default_threads, share_cores


def test_a_core_stays_free() -> None:
    assert 1 <= default_threads() <= max(1, (os.cpu_count() or 1) - 1)


def test_waiting_threads_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    share_cores()
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"


def test_a_setting_of_the_users_own_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    share_cores()
    assert os.environ["OMP_WAIT_POLICY"] == "ACTIVE"
