# SPDX-License-Identifier: GPL-3.0-or-later
"""The stored shot that deliveries are tested with."""

from __future__ import annotations

from tests.core.deliver.conftest import plates, stored

__all__ = ["plates", "stored"]
