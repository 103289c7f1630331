# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`ansible-test sanity`, in a place where it works, and with its two ways of testing nothing taken for failures.

ansible-test wants the folders ansible_collections/jdcloud/jcr above it and no Git work tree around it (there it takes
what Git ignores for nothing to do), so it gets a copy of the checkout in the temporary folder. Its own virtual
environments stay in ~/.ansible/test, where it keeps them for every collection: 75 s the first time, 10 s afterwards.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from pathlib import Path

from tests.tooling.process import CHECKOUT, VENV, Log, StepFailed

TESTED_TOO_LITTLE = ("All targets skipped", 'Required program "shellcheck" not found')
STAND_IN = CHECKOUT / "tests" / "tooling" / "get_pip.py"
CACHE_OF_ANSIBLE_TEST = Path.home() / ".ansible" / "test" / "cache"


def sanity(log: Log, temporary: Path) -> None:
    """Run every sanity test on a copy of what Git knows or would add.

    Raises:
        StepFailed: a finding, a file that makes findings ignored, or a run that tested nothing.
    """
    ignores = [path.name for path in (CHECKOUT / "tests" / "sanity").glob("ignore*.txt")]
    if ignores:
        raise StepFailed(f"tests/sanity holds {', '.join(ignores)}: findings are cured here, not ignored")
    provide_get_pip()
    copy = temporary / "ansible_collections" / "jdcloud" / "jcr"
    copy_checkout(copy)
    if log.status(VENV / "bin" / "ansible-test", "sanity", "--local", "--color", "no", cwd=copy):
        findings = [line for line in log.text().splitlines() if line.startswith(("ERROR:", "FATAL:"))]
        raise StepFailed("findings by ansible-test", ["\n".join(findings or log.text().splitlines())])
    for words in TESTED_TOO_LITTLE:
        if words in log.text():
            raise StepFailed(f"ansible-test tested too little: {words}")


def copy_checkout(target: Path) -> None:
    """Copy the files that are committed or could be, as they are now."""
    for name in checkout_files():
        source, copy = CHECKOUT / name, target / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, copy, follow_symlinks=False)


def checkout_files() -> list[str]:
    """The paths, from the checkout's top, of the files that Git tracks or would add, without those deleted since."""
    listing = subprocess.run(
        ["git", "-c", f"safe.directory={CHECKOUT}", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listing.returncode:
        raise StepFailed(f"git does not list the checkout's files: {listing.stderr.strip()}")
    names = dict.fromkeys(listing.stdout.split("\0"))
    return [name for name in names if name and ((CHECKOUT / name).is_symlink() or (CHECKOUT / name).is_file())]


def provide_get_pip() -> None:
    """Put the stand-in where ansible-test keeps its download, unless that is there."""
    cached = CACHE_OF_ANSIBLE_TEST / f"get_pip_{pinned_pip().replace('.', '_')}.py"
    if not cached.exists():
        cached.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(STAND_IN, cached)


def pinned_pip() -> str:
    """The version of pip that this ansible-test installs, read in its source (it is told nowhere else)."""
    package = importlib.util.find_spec("ansible_test")
    if package is None or package.origin is None:
        raise StepFailed("ansible-test is not in .venv; run: make setup")
    source = (Path(package.origin).parent / "_internal" / "python_requirements.py").read_text(encoding="utf-8")
    pinned = re.search(r"""\bpip=['"]([0-9.]+)['"]""", source)
    if pinned is None:
        raise StepFailed("this ansible-test says in another way than known which pip it installs")
    return pinned.group(1)
