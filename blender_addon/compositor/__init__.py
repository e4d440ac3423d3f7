# SPDX-License-Identifier: GPL-3.0-or-later
"""The Rotopoint node group and its wiring into a scene's compositor."""

from ..matte_sequence import MatteSequence
from .node_group import ensure_node_group
from .viewer import view
from .wiring import SubjectNodes, Wiring, out_of_date, unwire, wire, wired_subjects

__all__ = [
    "MatteSequence",
    "SubjectNodes",
    "Wiring",
    "ensure_node_group",
    "out_of_date",
    "unwire",
    "view",
    "wire",
    "wired_subjects",
]
