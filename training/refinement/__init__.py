# SPDX-License-Identifier: GPL-3.0-or-later
"""Teaches what clicks on tracked frames say about the rest of a mask: `rotopoint/tracking/refinement.py`."""
