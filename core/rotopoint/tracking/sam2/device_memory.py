# SPDX-License-Identifier: GPL-3.0-or-later
"""What a lack of memory looks like in torch, and how long one is careful after it."""

from __future__ import annotations

import errno
import gc

import safetensors
import torch

_WORDS = (
    # CUDA's, HIP's and MPS's allocators, and their drivers.
    "out of memory",
    "hipErrorOutOfMemory",
    # DefaultCPUAllocator, on POSIX and on Windows.
    "can't allocate memory",
    "not enough memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    # cuBLAS makes its workspace at first use, and says no more where there is no room for it.
    "CUBLAS_STATUS_NOT_INITIALIZED",
    "HIPBLAS_STATUS_ALLOC_FAILED",
    "HIPBLAS_STATUS_NOT_INITIALIZED",
    "rocblas_status_memory_error",
    "miopenStatusAllocFailed",
    "CUDNN_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_NOT_INITIALIZED",
    "CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED",
    "CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED",
    # Where none of its kernels finds room to work in, cuDNN has none that it supports
    # (pytorch/pytorch issues 44473 and 108645).
    "CUDNN_STATUS_NOT_SUPPORTED",
    "unable to find an engine to execute this computation",
    # What the system says where a file is mapped, as Rust and Windows put it.
    "cannot allocate memory",
    "os error 1455",
    "paging file is too small",
)

_WINDOWS_CODES = (8, 14, 1455)
"""ERROR_NOT_ENOUGH_MEMORY, ERROR_OUTOFMEMORY, ERROR_COMMITMENT_LIMIT."""

STEPS_OF_CARE = 512
"""Steps of subjects until more memory is used again."""

LONGEST_CARE = 16 * STEPS_OF_CARE


def is_memory_short(error: BaseException) -> bool:
    """Whether an error says that a device has too little memory, the CPU's own included."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    if isinstance(error, OSError) and (
        error.errno == errno.ENOMEM or getattr(error, "winerror", None) in _WINDOWS_CODES
    ):
        return True
    said = str(error).lower()
    reported = isinstance(error, RuntimeError | OSError | safetensors.SafetensorError)
    return reported and any(words.lower() in said for words in _WORDS)


def give_back() -> None:
    """Return what torch keeps of devices without using it, once nobody else holds it."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    if torch.backends.mps.is_available():
        torch.mps.empty_cache()


class Care:
    """After memory was short less of it is used for a while, and for twice as long where using more was too
    early."""

    def __init__(self) -> None:
        self._steps = STEPS_OF_CARE
        self._left = 0
        self._tried = False

    @property
    def taken(self) -> bool:
        """Whether memory was short lately."""
        return self._left > 0

    def short(self) -> None:
        """Memory is short now."""
        if self._tried:
            self._steps = min(2 * self._steps, LONGEST_CARE)
        self._tried, self._left = False, self._steps

    def went_well(self, steps: int, at_once: int, most: int) -> int:
        """How many subjects are worked on at once after so many steps without a shortage: twice as many after
        a while, up to `most`."""
        if not self.taken:
            return at_once
        self._left = max(self._left - steps, 0)
        if self.taken or at_once >= most:
            return at_once
        self._tried = True
        more = min(2 * at_once, most)
        self._left = self._steps if more < most else 0
        return more
