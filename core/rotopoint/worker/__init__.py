# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine in a process of its own: protocol and client (standard library only), and the server."""
