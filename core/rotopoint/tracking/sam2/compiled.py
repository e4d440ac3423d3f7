# SPDX-License-Identifier: GPL-3.0-or-later
"""Parts compiled by torch, where `Arrangement.compiled` asks for it.

Only what has the same shapes on each picture: what looks at memories has as many keys as the bank has tokens,
which grows over the first pictures, and each length would be compiled anew.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import torch

from rotopoint.tracking.arrangement import Arrangement

SHAPES = 16
"""For which a part is compiled at most: counts of subjects that are decoded at once."""

P = ParamSpec("P")
ResultT = TypeVar("ResultT")


def arranged(call: Callable[P, ResultT], arrangement: Arrangement) -> Callable[P, ResultT]:
    """`call`, compiled where the arrangement asks for that: at its first use, for the shapes that it is
    given, and anew for other counts of subjects.

    CUDA graphs are left out: they give every answer in the same memory, and features are kept. Needs a C++
    compiler for the CPU and Triton for CUDA; what torch raises without them comes at the first use.
    """
    if not arrangement.compiled:
        return call
    # Torch's types do not know all that it takes.
    compile_: Any = torch.compile
    made: Callable[P, ResultT] = compile_(
        call, dynamic=False, recompile_limit=SHAPES, isolate_recompiles=True
    )
    return made
