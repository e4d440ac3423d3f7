# SPDX-License-Identifier: GPL-3.0-or-later
"""The large engine's packages in a folder of their own, for who has no terminal open.

Standard library only: a Python that has no packages yet makes it. What Blender's rules for extensions forbid
is all in here, and is left out where they hold (`tools/extension`).
"""
