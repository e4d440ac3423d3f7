# SPDX-License-Identifier: GPL-3.0-or-later
"""Ours against upstream's SAM2VideoPredictor, side by side in one run."""
