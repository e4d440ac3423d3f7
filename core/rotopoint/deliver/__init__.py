# SPDX-License-Identifier: GPL-3.0-or-later
"""Files out: names, and mattes as PNG and EXR. The names need no library, so the add-on can use them."""
