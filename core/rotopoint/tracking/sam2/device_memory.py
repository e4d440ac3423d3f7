# SPDX-License-Identifier: GPL-3.0-or-later
"""What a lack of memory looks like in torch."""

from __future__ import annotations

import torch

_WORDS = (
    "out of memory",
    # DefaultCPUAllocator, on POSIX and on Windows.
    "can't allocate memory",
    "not enough memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    # cuBLAS makes its workspace at first use, and says no more where there is no room for it.
    "CUBLAS_STATUS_NOT_INITIALIZED",
    "CUDNN_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED",
)


def is_memory_short(error: BaseException) -> bool:
    """Whether an error says that a device has too little memory, the CPU's own included."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in _WORDS)
