# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames in: image sequences and video, with Blender's frame map and the input transform applied."""
