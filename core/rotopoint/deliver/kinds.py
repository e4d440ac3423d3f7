# SPDX-License-Identifier: GPL-3.0-or-later
"""Which kinds of files can be delivered."""

from __future__ import annotations

from rotopoint.deliver.deliverable import Deliverable
from rotopoint.deliver.matte_files import MatteFiles

KINDS: dict[str, type[Deliverable]] = {kind.name: kind for kind in (MatteFiles,)}
"""By the name that a person asks for."""
