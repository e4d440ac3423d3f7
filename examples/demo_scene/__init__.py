# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo clip's scene: a goldfish that swims over a rocky bed and behind driftwood."""
