# SPDX-License-Identifier: GPL-3.0-or-later
"""Teaches what a close-up of the plate shows of a mask's boundary."""
