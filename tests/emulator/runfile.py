# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The run file: how to reach an emulator, there for as long as it runs, and of one emulator at a time.

An emulator holds a lock on its run file, which goes with its process however that ends. So a file that was left behind
is known, and replaced.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import sys
import typing as t
from pathlib import Path


class RunFileInUse(Exception):
    """The run file is that of another emulator, which runs."""


@contextlib.contextmanager
def announced(information: dict[str, t.Any], run_file: Path | None) -> t.Iterator[None]:
    """Tell how to reach the emulator: in the run file while it runs, else on standard output.

    Raises RunFileInUse, and OSError where it cannot be written.
    """
    text = json.dumps(information, indent=2) + "\n"
    if run_file is None:
        sys.stdout.write(text)
        sys.stdout.flush()
        yield
        return
    temporary = run_file.with_name(f".{run_file.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            _put_in_place(temporary, run_file)
        finally:
            temporary.unlink(missing_ok=True)
        try:
            yield
        finally:
            _remove(run_file, file)


def _put_in_place(temporary: Path, run_file: Path) -> None:
    """As a whole, and no two emulators at the same time."""
    directory = os.open(run_file.parent, os.O_RDONLY)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)
        with contextlib.suppress(FileNotFoundError), run_file.open() as present:
            fcntl.flock(present, fcntl.LOCK_SH | fcntl.LOCK_NB)
        temporary.replace(run_file)
    except BlockingIOError as error:
        raise RunFileInUse(f"another emulator runs with {run_file}") from error
    finally:
        os.close(directory)


def _remove(run_file: Path, file: t.IO[str]) -> None:
    """Remove the run file if it is this one: somebody may have removed it, and another emulator put its own there."""
    with contextlib.suppress(FileNotFoundError):
        if os.path.samestat(os.fstat(file.fileno()), run_file.stat()):
            run_file.unlink()
