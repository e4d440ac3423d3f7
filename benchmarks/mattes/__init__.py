# SPDX-License-Identifier: GPL-3.0-or-later
"""What each step from a track to a matte brings, and what it costs."""
