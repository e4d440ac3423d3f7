# SPDX-License-Identifier: GPL-3.0-or-later
"""What all errors are kinds of."""

from __future__ import annotations


class RotopointError(Exception):
    """Base of all errors that a user can meet. The command line ends with `exit_code`."""

    exit_code = 1


class InputError(RotopointError):
    """A wrong call or bad input: nothing was written."""

    exit_code = 2


class Cancelled(RotopointError):
    """The user stopped the work; what was finished is kept."""

    exit_code = 130
