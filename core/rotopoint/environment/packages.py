# SPDX-License-Identifier: GPL-3.0-or-later
"""What is installed: which packages, by which pins, from where, and pip's command for that."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rotopoint.environment.builds import TORCH_INDEX, Build
from rotopoint.environment.processes import scrubbed
from rotopoint.errors import PackagesNotInstalled

REQUIRED = (
    ("av", "opencv-python-headless", "OpenEXR", "platformdirs", "filelock", "tqdm")
    + ("torch", "safetensors", "iopath", "pillow")
    + ("numpy",)
)
"""What the project's extra `torch` asks for, and what that asks for."""

ALONE = ("RF-SAM-2",)
"""Without what they require: it names torchvision, which its video path never imports."""


USUAL = ("install", "--progress-bar", "off", "--no-compile")


@dataclass(frozen=True)
class Sources:
    """Where packages come from. `packages`: a folder of wheels, beside which nothing is asked, or the address
    of an index; empty: as pip is set up on the machine. `torch`: the index of torch's builds; empty:
    `TORCH_INDEX`."""

    packages: str = ""
    torch: str = ""

    @property
    def folder(self) -> Path | None:
        """The folder of wheels, where it is one."""
        return Path(self.packages) if self.packages and Path(self.packages).is_dir() else None


def digest(lock: Path) -> str:
    """Differs where other packages, or other versions of them, would be installed. Raises OSError."""
    text = "\n".join([*_lines(lock), *REQUIRED, *ALONE])
    return hashlib.sha256(text.encode()).hexdigest()


def _lines(lock: Path) -> list[str]:
    """The pins of a file of pip's constraints."""
    lines = (line.strip() for line in lock.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def pinned(lock: Path, package: str) -> str:
    """The version of a package. Raises PackagesNotInstalled where the lock has none, OSError."""
    for line in _lines(lock):
        if found := re.fullmatch(rf"{re.escape(package)}==([^\s;]+).*", line):
            return found[1]
    raise PackagesNotInstalled(f"{lock.name} has no version of {package}")


def install_arguments(lock: Path, build: Build, sources: Sources, target: Path) -> list[tuple[str, ...]]:
    """Pip's arguments, one call each. Raises PackagesNotInstalled, OSError."""
    usual = (*USUAL, "--constraint", str(lock), "--target", str(target))
    required = list(REQUIRED)
    if sources.folder is not None:
        where: tuple[str, ...] = ("--no-index", "--find-links", str(sources.folder))
    else:
        where = ("--index-url", sources.packages) if sources.packages else ()
        if build.folder is not None:
            where += ("--extra-index-url", f"{(sources.torch or TORCH_INDEX).rstrip('/')}/{build.folder}")
            # The usual index has a build too, which is not to be taken for this one.
            version = f"{pinned(lock, 'torch')}+{build.folder}"
            required[required.index("torch")] = f"torch=={version}"
    return [(*usual, *where, *required), (*usual, *where, "--no-deps", *ALONE)]


def install_environment(base: Mapping[str, str], sources: Sources, work: Path) -> dict[str, str]:
    """The environment of pip: what a person has set up for proxies and mirrors holds, and what is written
    on the way lies in `work`, on the disk that has been looked at."""
    environment = scrubbed(base)
    if sources.folder is not None:
        environment = {name: value for name, value in environment.items() if not name.startswith("PIP_")}
        environment["PIP_CONFIG_FILE"] = os.devnull
    temporary = str(work / "tmp")
    return environment | {
        "PIP_USER": "0",
        "PIP_REQUIRE_VIRTUALENV": "0",
        "PIP_NO_INPUT": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_CACHE_DIR": str(work / "cache"),
        "PYTHONNOUSERSITE": "1",
        "TMPDIR": temporary,
        "TEMP": temporary,
        "TMP": temporary,
    }


PLAIN_FAULTS = (
    (r"No space left on device|\[Errno 28\]|WinError 112", "the disk is full"),
    (
        r"NewConnectionError|NameResolutionError|Name or service not known|getaddrinfo failed|"
        r"Temporary failure in name resolution|Network is unreachable|ConnectTimeout|Connection refused",
        "the package index cannot be reached; check the network, the proxy and the index in the preferences",
    ),
    (r"ProxyError|Tunnel connection failed", "the proxy refuses the connection"),
    (r"CERTIFICATE_VERIFY_FAILED", "the package index's certificate is not trusted here"),
)
"""What pip says of what a person can change, and that in words; the first that is found counts."""


def fault_of(output: str) -> str:
    """Why pip failed, in a line, by what it wrote."""
    for pattern, words in PLAIN_FAULTS:
        if re.search(pattern, output):
            return words
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    told = [line.removeprefix("ERROR:").strip() for line in lines if line.startswith("ERROR:")]
    # The second where there is another version than the one that is pinned, or none.
    absent = re.search(r"No matching distribution found for (\S+)|Cannot install (\S+?),? ", output)
    if absent is not None:
        name = absent[1] or absent[2]
        return f"there is no package {name} for this Python and system where packages come from"
    return (told or lines or ["pip ended without a word"])[-1]
