# SPDX-License-Identifier: GPL-3.0-or-later
"""Property tests are judged by what they find, not by how busy the machine is."""

from __future__ import annotations

import importlib.util

# The environments of Blender have none.
if importlib.util.find_spec("hypothesis") is not None:
    from hypothesis import settings

    settings.register_profile("project", deadline=None)
    settings.load_profile("project")
