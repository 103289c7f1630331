# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run commands for a step of `make`: into a log, in a clean environment, and with nothing left running behind them."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
CACHE = CHECKOUT / ".cache"
LOGS = CACHE / "log"
VENV = CHECKOUT / ".venv"

# A caller's variable of this beginning could turn a check into another one.
FOREIGN = ("ANSIBLE_", "COVERAGE_", "HYPOTHESIS_", "JCR_", "JDCLOUD_", "MOLECULE_", "PYENV_", "PYTEST_", "PYTHON")
MARK = "JCR_MAKE_STEP"
SECONDS_TO_END = 20.0


class StepFailed(Exception):
    """A step of `make` did not succeed; the text says in one sentence why, and what to do.

    `outputs` holds what the commands at fault printed, where that is not the end of the log.
    """

    def __init__(self, reason: str, outputs: Sequence[str] = ()) -> None:
        super().__init__(reason)
        self.outputs = outputs


def clean_environment(temporary: Path) -> dict[str, str]:
    """The caller's environment without what could change a result.

    What a command reads from or writes to the home folder (logins, profiles, caches, logs) is below `temporary` too.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    kept.pop("VIRTUAL_ENV", None)
    return kept | {
        "ANSIBLE_HOME": str(temporary / "ansible"),
        "HOME": str(temporary),
        "LC_ALL": "C.UTF-8",
        "NO_COLOR": "1",
        "PATH": working_path(),
        "TMPDIR": str(temporary),
        "XDG_CACHE_HOME": str(temporary / "cache"),
    }


def working_path() -> str:
    """A PATH of `.venv`, then the caller's without folders of dead interpreters, then the Pythons behind pyenv's shims.

    A shim exists for every version ever installed but ends with status 127 for those that are not active; both
    ansible-test and Ansible's interpreter discovery take its existence for a working Python.
    """
    callers = [Path(folder) for folder in os.environ.get("PATH", os.defpath).split(os.pathsep) if folder]
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    hidden = sorted(pyenv.glob("versions/3.*/bin"), reverse=True)
    folders = [VENV / "bin", *(folder for folder in callers if not has_dead_python(folder)), *hidden]
    return os.pathsep.join(str(folder) for folder in dict.fromkeys(folders))


def has_dead_python(folder: Path) -> bool:
    """Whether a python3.N in the folder cannot even print its version."""
    return any(
        subprocess.run([python, "--version"], capture_output=True, check=False).returncode
        for python in folder.glob("python3.[0-9]*")
        if python.name.replace(".", "").removeprefix("python").isdigit()
    )


class Log:
    """One file that holds everything a step's commands printed."""

    def __init__(self, name: str, environment: Mapping[str, str] | None = None) -> None:
        LOGS.mkdir(parents=True, exist_ok=True)
        self.path = LOGS / f"{name}.log"
        self.path.write_bytes(b"")
        self._mark = secrets.token_hex(8)
        self._environment = {**(os.environ if environment is None else environment), MARK: self._mark}

    def run(self, *command: str | Path, cwd: Path = CHECKOUT, variables: Mapping[str, str] | None = None) -> None:
        """Run a command to its end.

        Raises:
            StepFailed: it could not be started, or its status was not 0.
        """
        status = self.status(*command, cwd=cwd, variables=variables)
        if status:
            raise StepFailed(f"{Path(command[0]).name} ended with status {status}")

    def status(self, *command: str | Path, cwd: Path = CHECKOUT, variables: Mapping[str, str] | None = None) -> int:
        """Run a command to its end and give its exit status; StepFailed if it cannot be started."""
        words = [str(word) for word in command]
        with self.path.open("ab") as output:
            output.write(f"\n$ {' '.join(words)}\n".encode())
            output.flush()
            try:
                process = subprocess.Popen(
                    words,
                    cwd=cwd,
                    env={**self._environment, **(variables or {})},
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            except OSError as error:
                raise StepFailed(f"{words[0]} cannot be started: {error.strerror}") from error
            return wait_or_stop(process)

    def run_all(self, commands: Sequence[Sequence[str | Path]]) -> None:
        """Run every command, also after one that failed, so that one run shows all findings; StepFailed names them."""
        names, outputs = [], []
        for command in commands:
            before = len(self.text())
            if self.status(*command):
                names.append(Path(command[0]).name)
                outputs.append(self.text()[before:])
        if names:
            raise StepFailed(f"findings by {', '.join(dict.fromkeys(names))}", outputs)

    def text(self) -> str:
        """Everything that was printed so far."""
        return self.path.read_text(encoding="utf-8", errors="replace")

    def check_nothing_left(self, patience: float = SECONDS_TO_END) -> None:
        """Stop the processes that this log's commands left behind, and fail if there were any after `patience` seconds.

        Raises:
            StepFailed: with the command lines of the processes that were still there.
        """
        give_up = time.monotonic() + patience
        while (left := processes_with(self._mark)) and time.monotonic() < give_up:
            time.sleep(0.1)
        names = [command_line(process) for process in left]
        for process in left:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGTERM)
        if left:
            raise StepFailed(f"left running (now told to stop): {'; '.join(names)}")


def wait_or_stop(process: subprocess.Popen[bytes]) -> int:
    """The exit status of a process; if this program is interrupted meanwhile, its whole process group is too.

    It is interrupted, not terminated, because pytest then takes down what its fixtures started.
    """
    try:
        return process.wait()
    except BaseException:
        os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        raise


def processes_with(mark: str) -> list[int]:
    """The ids of the processes whose environment carries the mark (Linux; elsewhere none are seen)."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for environment in Path("/proc").glob("[0-9]*/environ"):
        try:
            if wanted in environment.read_bytes().split(b"\0"):
                found.append(int(environment.parent.name))
        except OSError:  # it ended meanwhile, or belongs to somebody else
            continue
    return found


def command_line(process: int) -> str:
    """What a process was started as, cut to a line."""
    try:
        words = Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ")
    except OSError:
        return f"{process} (gone)"
    return f"{process} {words.decode(errors='replace')[:120].strip()}"
