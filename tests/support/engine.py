# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A Docker Engine for the demo and the tests: the one that answers here, or a private one that leaves nothing behind.

In programs: C(find_or_start(directory)). On the command line, from the collection root::

    python -m tests.support.engine start --directory D [--private]     prints what DOCKER_HOST takes
    python -m tests.support.engine stop --directory D
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import pathlib
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import typing as t

import docker

DEFAULT_HOST = "unix:///var/run/docker.sock"
RECORD = "engine.json"
LOG = "dockerd.log"

_START_SECONDS = 120.0
_STOP_SECONDS = 60.0
_KILL_SECONDS = 10.0
_POLL_SECONDS = 0.05
_PATH_LIMIT = 104  # bytes of a unix socket's path that containerd accepts (measured; Linux itself takes 107)
_LONGEST_SOCKET = "exec/containerd/containerd-debug.sock"  # of those that dockerd makes below its directory
_LOG_TAIL = 15  # lines


class EngineUnavailable(RuntimeError):
    """No Docker Engine answers and none can be started; the message says in one sentence what is missing."""


@dataclasses.dataclass
class RunningEngine:
    """A Docker Engine that answers. C(started) tells whether it was started here; stop() ends only such a one."""

    docker_host: str
    started: bool = False
    pid: int = 0
    directory: str = ""  # what a started engine keeps its files in
    process: subprocess.Popen[bytes] | None = dataclasses.field(default=None, compare=False)

    def stop(self) -> None:
        """End the engine with its containers and remove its files; nothing happens if it was found running."""
        if not self.started:
            return
        _end(self)
        self.started = False

    def __enter__(self) -> RunningEngine:
        return self

    def __exit__(self, *_details: object) -> None:
        self.stop()


def find_or_start(directory: str | os.PathLike[str], reuse: bool = True) -> RunningEngine:
    """The engine of DOCKER_HOST or of the default socket if it answers and C(reuse) allows; else a private one.

    A private engine keeps its log in C(directory). dockerd is installed where that is possible (root, apt) and needed.
    Raises EngineUnavailable.
    """
    found = _running() if reuse else None
    if found:
        return RunningEngine(found)
    if os.geteuid() != 0:
        raise EngineUnavailable(
            "No Docker Engine answers, and only root can start one: start Docker, set DOCKER_HOST, or run this as root."
        )
    program = shutil.which("dockerd", path=_search_path())
    if program is None:
        _install()
        found = _running() if reuse else None  # where systemd runs, the package has started its service
        if found:
            return RunningEngine(found)
        program = shutil.which("dockerd", path=_search_path())
        if program is None:
            raise EngineUnavailable("The package docker.io is installed, but there is no program dockerd.")
    return start(program, directory)


def start(
    program: str,
    directory: str | os.PathLike[str],
    settings: t.Mapping[str, t.Any] | None = None,
    programs: str | os.PathLike[str] | None = None,
) -> RunningEngine:
    """A private engine from this C(program), dockerd, which keeps its log in C(directory).

    C(settings) is its daemon.json; C(programs) is a folder with a containerd that it is to use. Raises
    EngineUnavailable.
    """
    environment = dict(os.environ)
    if programs:
        environment["PATH"] = os.pathsep.join((os.fspath(programs), _search_path()))
    return _start(program, pathlib.Path(directory).resolve(), settings or {}, environment)


def answers(docker_host: str) -> bool:
    """Whether a Docker Engine answers there."""
    try:
        client = docker.APIClient(docker_host, timeout=10)
        try:
            return bool(client.ping())
        finally:
            client.close()
    except Exception:  # the SDK lets errors of several libraries through; each of them means no
        return False


# --- find ------------------------------------------------------------------------------------------------------------


def _running() -> str | None:
    candidates = [os.environ.get("DOCKER_HOST"), DEFAULT_HOST]
    return next((host for host in candidates if host and answers(host)), None)


def _search_path() -> str:
    return os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/sbin", "/usr/local/sbin", "/usr/local/bin"))


def _install() -> None:
    apt = shutil.which("apt-get", path=_search_path())
    if apt is None:
        raise EngineUnavailable("No Docker Engine answers, and there is no program dockerd: install Docker Engine.")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = [apt, "install", "--yes", "--quiet", "--no-install-recommends", "docker.io"]
    for command in (install, [apt, "update", "--quiet"], install):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode == 0 and command is install:
            return
    reason = _last_line(done.stderr or done.stdout)
    raise EngineUnavailable(f"No Docker Engine answers, and the package docker.io cannot be installed: {reason}")


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "apt-get says nothing"


# --- start -----------------------------------------------------------------------------------------------------------


def _start(
    program: str, directory: pathlib.Path, settings: t.Mapping[str, t.Any], environment: t.Mapping[str, str]
) -> RunningEngine:
    directory.mkdir(parents=True, exist_ok=True)
    # Not mkdtemp: containerd refuses a namespace with two separators in a row, which a random name may have.
    home = pathlib.Path(_short_place(directory)) / f"jcr-engine-{secrets.token_hex(4)}"
    home.mkdir(mode=0o700)
    host = f"unix://{home}/docker.sock"
    with open(directory / LOG, "wb") as log:
        process = subprocess.Popen(
            _command(program, home, settings),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    engine = RunningEngine(host, True, process.pid, str(home), process)
    try:
        _wait_until_it_answers(engine, directory / LOG)
    except BaseException:
        engine.stop()
        raise
    return engine


def _short_place(directory: pathlib.Path) -> str:
    """The directory itself, or a temporary one if sockets below the directory had too long a path."""
    places = (str(directory), tempfile.gettempdir(), "/tmp")  # /tmp, since TMPDIR may be deep down as well
    for place in places:
        longest = pathlib.Path(place) / "jcr-engine-12345678" / _LONGEST_SOCKET
        if len(os.fsencode(longest)) <= _PATH_LIMIT:
            return place
    raise RuntimeError(f"no folder is short enough for the engine's sockets: {', '.join(places)}")


def _command(program: str, home: pathlib.Path, settings: t.Mapping[str, t.Any]) -> list[str]:
    """How to start a dockerd that leaves firewall, routing and any other Docker Engine of this machine alone."""
    # Not /etc/docker/daemon.json, which may contradict the options below.
    (home / "daemon.json").write_text(json.dumps(settings), encoding="utf-8")
    return [
        program,
        f"--config-file={home}/daemon.json",
        f"--host=unix://{home}/docker.sock",
        f"--data-root={home}/data",
        f"--exec-root={home}/exec",
        f"--pidfile={home}/docker.pid",
        f"--containerd-namespace={home.name}",
        f"--containerd-plugins-namespace={home.name}-plugins",
        "--bridge=none",
        "--iptables=false",
        "--ip6tables=false",
        "--ip-forward=false",
    ]


def _wait_until_it_answers(engine: RunningEngine, log: pathlib.Path) -> None:
    limit = time.monotonic() + _START_SECONDS
    while time.monotonic() < limit:
        code = engine.process.poll() if engine.process else None
        if code is not None:
            raise EngineUnavailable(f"dockerd ended with code {code}; its last words:\n{_tail(log)}")
        if answers(engine.docker_host):
            return
        time.sleep(_POLL_SECONDS)
    raise EngineUnavailable(f"dockerd does not answer in {_START_SECONDS:.0f} seconds; its last words:\n{_tail(log)}")


def _tail(log: pathlib.Path) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LOG_TAIL:])


# --- stop ------------------------------------------------------------------------------------------------------------


def _end(engine: RunningEngine) -> None:
    home = pathlib.Path(engine.directory)
    _end_process(engine.pid, str(home), engine.process)
    # dockerd stops its containerd, unless it was killed.
    _end_process(_recorded_pid(home / "exec" / "containerd" / "containerd.pid"), str(home), None)
    for mount in _mounts_below(home):
        subprocess.run(["umount", "--lazy", mount], check=False, capture_output=True)
    shutil.rmtree(home, ignore_errors=True)


def _end_process(pid: int, home: str, child: subprocess.Popen[bytes] | None) -> None:
    """End the process if it is the one that works in C(home): a pid may have gone to another program since."""
    for number, seconds in ((signal.SIGTERM, _STOP_SECONDS), (signal.SIGKILL, _KILL_SECONDS)):
        if not _works_in(pid, home, child):
            return
        os.kill(pid, number)
        limit = time.monotonic() + seconds
        while _works_in(pid, home, child) and time.monotonic() < limit:
            time.sleep(_POLL_SECONDS)


def _works_in(pid: int, home: str, child: subprocess.Popen[bytes] | None) -> bool:
    if child is not None:
        return child.poll() is None
    try:
        return home.encode() in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def _recorded_pid(file: pathlib.Path) -> int:
    try:
        return int(file.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0


def _mounts_below(home: pathlib.Path) -> list[str]:
    """Mount points in the directory, the deepest first."""
    lines = pathlib.Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    points = [line.split(" ")[4].replace("\\040", " ") for line in lines]
    return sorted((point for point in points if pathlib.Path(point).is_relative_to(home)), key=len, reverse=True)


# --- command line ----------------------------------------------------------------------------------------------------


def main(arguments: t.Sequence[str] | None = None) -> int:
    """Start or stop by command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.engine", description="A Docker Engine for the demo.")
    parser.add_argument("act", choices=("start", "stop"))
    parser.add_argument("--directory", type=pathlib.Path, required=True, help="where the log and the record are kept")
    parser.add_argument("--private", action="store_true", help="start an own engine even if another one answers")
    options = parser.parse_args(arguments)
    record = options.directory / RECORD
    try:
        if options.act == "start":
            print(_start_and_record(record, options.private))
        else:
            _stop_recorded(record)
    except EngineUnavailable as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _start_and_record(record: pathlib.Path, private: bool) -> str:
    earlier = _recorded(record)
    if earlier and answers(earlier.docker_host):
        return earlier.docker_host
    _stop_recorded(record)
    engine = find_or_start(record.parent, reuse=not private)
    record.parent.mkdir(parents=True, exist_ok=True)
    fields = {name: getattr(engine, name) for name in ("docker_host", "started", "pid", "directory")}
    record.write_text(json.dumps(fields), encoding="utf-8")
    return engine.docker_host


def _stop_recorded(record: pathlib.Path) -> None:
    engine = _recorded(record)
    if engine:
        engine.stop()
        record.unlink()


def _recorded(record: pathlib.Path) -> RunningEngine | None:
    try:
        return RunningEngine(**json.loads(record.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None


if __name__ == "__main__":
    sys.exit(main())
