# SPDX-License-Identifier: GPL-3.0-or-later
"""A shot as one page to look at before it is delivered: `gather` reads it, `page` writes it."""
