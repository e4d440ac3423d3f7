# SPDX-License-Identifier: GPL-3.0-or-later
"""The recipe of the draft model: `python -m training --help`."""
