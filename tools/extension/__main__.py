# SPDX-License-Identifier: GPL-3.0-or-later
"""The command that builds the extension, of the repository's root:

    python -m tools.extension                                           with core alone
    python -m tools.extension --platform windows-x64 --python 3.11      with an engine of its own

It runs in an interpreter with hatchling, and with lief where it brings an engine. The path of the zip goes to
stdout.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from tools.extension import ROOT, BuildFailed
from tools.extension.binaries import check_binaries
from tools.extension.blenders_tool import found_tools, validate
from tools.extension.checks import check
from tools.extension.staging import stage, write_zip, zip_name
from tools.extension.targets import PLATFORMS, PYTHONS, Target
from tools.extension.wheels import bundled_wheels, pinned_hashes, pins_of


def build(out: Path, target: Target | None, cache: Path, *, sets_up: bool = True) -> Path:
    """Build and check the extension; return the zip in `out`, which replaces an older one.

    Raises BuildFailed.
    """
    bundled = [] if target is None else bundled_wheels(target, cache)
    names = [] if target is None else pinned_hashes(pins_of(target))
    with tempfile.TemporaryDirectory(prefix="rotopoint-extension-") as folder:
        tree = Path(folder, "rotopoint")
        stage(tree, target, bundled, sets_up=sets_up)
        package = Path(folder, zip_name(tree, target, sets_up=sets_up))
        write_zip(tree, package)
        check(package, target, names, sets_up=sets_up)
        if target is not None:
            check_binaries(package, target)
        tools = found_tools()
        for tool in tools:
            validate(tool, package)
        if not tools:
            sys.stderr.write("Blender's own packaging tool is not here; it has not looked at the zip\n")
        out.mkdir(parents=True, exist_ok=True)
        return Path(shutil.copy2(package, out / package.name))


def main() -> int:
    parser = argparse.ArgumentParser(prog="make.py extension", description="Build the Blender extension.")
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="folder for the zip; by default dist")
    parser.add_argument("--platform", choices=PLATFORMS, help="bring an engine that runs there")
    parser.add_argument("--python", choices=PYTHONS, help="that of the Blender it is for; by default 3.11")
    parser.add_argument(
        "--cache", type=Path, default=ROOT / ".cache", help="folder for downloaded wheels; by default .cache"
    )
    parser.add_argument(
        "--for-blenders-platform",
        action="store_true",
        help="leave out what its rules forbid: setting up the large engine, and all use of the network",
    )
    options = parser.parse_args()
    if options.python and not options.platform:
        parser.error("--python needs --platform")
    target = options.platform and Target(PLATFORMS[options.platform], PYTHONS[options.python or "3.11"])
    try:
        package = build(options.out, target, options.cache, sets_up=not options.for_blenders_platform)
    except BuildFailed as error:
        sys.stderr.write(f"{error}\n")
        return 1
    kind = "for Blender's platform" if options.for_blenders_platform else "sets up the large engine"
    sys.stderr.write(f"{package.name}: {package.stat().st_size / 1e6:.1f} MB, {kind}\n")
    sys.stdout.write(f"{package}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
