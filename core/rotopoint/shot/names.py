# SPDX-License-Identifier: GPL-3.0-or-later
"""Which names a subject may have, so that files named after it can exist everywhere."""

from __future__ import annotations

import unicodedata

RESERVED = frozenset(
    {"CON", "PRN", "AUX", "NUL"} | {f"COM{n}" for n in range(1, 10)} | {f"LPT{n}" for n in range(1, 10)}
)
"""Device names of Windows: no file may have them, with any extension."""

FORBIDDEN = frozenset('/\\:*?"<>|')
LONGEST = 100


def name_fault(name: str) -> str | None:
    """What is wrong with a subject's name, or None. Spaces and non-ASCII letters are fine."""
    if not name.strip():
        return "a name must not be empty"
    if len(name.encode("utf-8")) > LONGEST:
        return f"a name has at most {LONGEST} bytes in UTF-8"
    if found := sorted(FORBIDDEN & set(name)):
        return f"a name must not contain {' '.join(found)}"
    if ".." in name:
        return "a name must not contain .."
    if any(unicodedata.category(c).startswith("C") for c in name):
        return "a name must not contain control characters"
    if name != name.strip() or name.startswith(".") or name.endswith("."):
        return "a name must not begin or end with a space or a dot"
    if name.split(".")[0].strip().upper() in RESERVED:
        return "this word is reserved by Windows"
    return None
