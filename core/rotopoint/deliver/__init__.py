# SPDX-License-Identifier: GPL-3.0-or-later
"""Files out: how they are called, and what writes each kind. Names need no library: the add-on has them."""
