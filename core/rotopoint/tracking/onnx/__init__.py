# SPDX-License-Identifier: GPL-3.0-or-later
"""SAM 2's video loop on ONNX Runtime, without torch."""
