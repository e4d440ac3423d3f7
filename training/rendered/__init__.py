# SPDX-License-Identifier: GPL-3.0-or-later
"""Clips rendered in Blender with exact masks: run by the Python of a bpy wheel, never by training itself."""
