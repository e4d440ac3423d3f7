# SPDX-License-Identifier: GPL-3.0-or-later
"""Where lies what can be computed again, unless told otherwise."""

from __future__ import annotations

import os
from pathlib import Path

from rotopoint.errors import PackageMissing

FOLDER_VARIABLE = "ROTOPOINT_CACHE"
"""Environment variable that names the folder of all that can be computed again."""


def cache_folder() -> Path:
    """The folder that `ROTOPOINT_CACHE` names, else the user's cache folder."""
    if named := os.environ.get(FOLDER_VARIABLE):
        return Path(named)
    try:
        from platformdirs import user_cache_path
    except ModuleNotFoundError as error:
        raise PackageMissing("platformdirs", "media") from error
    return Path(user_cache_path("rotopoint", appauthor=False))


def default_store_folder() -> Path:
    """`tracks` in the cache folder."""
    return cache_folder() / "tracks"
