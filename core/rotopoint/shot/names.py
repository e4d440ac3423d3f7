# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of subjects, after which files can be named everywhere, and of files named after anything else."""

from __future__ import annotations

import unicodedata

RESERVED = frozenset(
    {"CON", "PRN", "AUX", "NUL"} | {f"COM{n}" for n in range(1, 10)} | {f"LPT{n}" for n in range(1, 10)}
)
"""Device names of Windows: no file may have them, with any extension."""

FORBIDDEN = frozenset('/\\:*?"<>|')
LONGEST = 100

JOINERS = "\u200c\u200d"
"""Emoji of several parts hold them, and words of Persian and of Indian scripts."""

TAGS = frozenset(map(chr, range(0xE0020, 0xE0080)))
"""They spell the flags of regions."""

NUMBER_SIGNS = frozenset(
    "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"
)
"""Signs that are seen though they count as formatting."""


def name_fault(name: str) -> str | None:
    """What is wrong with a subject's name, or None. Spaces and non-ASCII letters are fine."""
    if not name.strip().strip(JOINERS):
        return "a name must not be empty"
    if len(name.encode("utf-8", "surrogatepass")) > LONGEST:
        return f"a name has at most {LONGEST} bytes in UTF-8"
    if found := sorted(FORBIDDEN & set(name)):
        return f"a name must not contain {' '.join(found)}"
    if ".." in name:
        return "a name must not contain .."
    if any(_is_control(c) for c in name):
        return "a name must not contain control characters"
    if name != name.strip() or name.startswith(".") or name.endswith("."):
        return "a name must not begin or end with a space or a dot"
    if name.split(".")[0].strip().upper() in RESERVED:
        return "this word is reserved by Windows"
    return None


def file_name(name: str, otherwise: str) -> str:
    """A name of anything as that of a file or folder that can exist everywhere; `otherwise` where nothing is
    left of it."""
    found = "".join("_" if c in FORBIDDEN or ord(c) < ord(" ") else c for c in name).strip(" .") or otherwise
    return f"_{found}" if found.split(".")[0].strip().upper() in RESERVED else found


def _is_control(character: str) -> bool:
    """What steers text instead of being seen in it, and what is no character at all."""
    match unicodedata.category(character):
        case "Cc" | "Cs":
            return True
        case "Cf":
            return character not in JOINERS and character not in TAGS and character not in NUMBER_SIGNS
        case "Cn":
            # Characters of a newer Unicode than this Python knows are none of these.
            return ord(character) & 0xFFFE == 0xFFFE or 0xFDD0 <= ord(character) <= 0xFDEF
        case _:
            return False
