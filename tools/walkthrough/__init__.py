# SPDX-License-Identifier: GPL-3.0-or-later
"""A person's way through the add-on, by mouse and keyboard: what it takes, and the pictures of README."""
