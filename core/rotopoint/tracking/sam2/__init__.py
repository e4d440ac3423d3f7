# SPDX-License-Identifier: GPL-3.0-or-later
"""SAM 2 on torch, by the modules of the `sam2` package."""
