# SPDX-License-Identifier: GPL-3.0-or-later
"""Clips with exact masks, made while training runs: NumPy and OpenCV alone, every one from its seed."""
