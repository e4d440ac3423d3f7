# SPDX-License-Identifier: GPL-3.0-or-later
"""Where tracks are stored."""

from __future__ import annotations

from pathlib import Path

import pytest

from rotopoint.store.folder import FOLDER_VARIABLE, default_store_folder


def test_the_variable_names_the_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "Cache ä"))
    assert default_store_folder() == tmp_path / "Cache ä" / "tracks"


@pytest.mark.parametrize("unset", [True, False])
def test_else_it_is_the_users_cache(monkeypatch: pytest.MonkeyPatch, unset: bool) -> None:
    platformdirs = pytest.importorskip("platformdirs")
    if unset:
        monkeypatch.delenv(FOLDER_VARIABLE, raising=False)
    else:
        monkeypatch.setenv(FOLDER_VARIABLE, "")
    folder = default_store_folder()
    assert folder.is_absolute() and folder.name == "tracks"
    assert folder.is_relative_to(platformdirs.user_cache_path("rotopoint", appauthor=False))
