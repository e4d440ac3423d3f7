# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames a second, memory and clicks on a GPU: ours, upstream's predictor, and upstream's compiled one."""
