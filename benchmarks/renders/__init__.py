# SPDX-License-Identifier: GPL-3.0-or-later
"""Clips rendered in Blender with exact alpha and exact color of a hairy subject; `scenes` alone needs bpy."""
