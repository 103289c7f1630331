# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Images into registries and from one to another without a daemon, against skopeo and against the bare floor.

The floor is what no sender and receiver can do without: sendfile, loopback, SHA-256, write. Every round has images of
its own, since skopeo remembers for ever which registry has which layer.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import itertools
import json
import multiprocessing
import os
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import typing as t
from pathlib import Path

from ansible_collections.jdcloud.jcr.plugins.module_utils._archive import open_archive
from ansible_collections.jdcloud.jcr.plugins.module_utils._clock import Clock
from ansible_collections.jdcloud.jcr.plugins.module_utils._distribution import Repository
from ansible_collections.jdcloud.jcr.plugins.module_utils._imagesource import Descriptor
from ansible_collections.jdcloud.jcr.plugins.module_utils._remotesource import RemoteSource
from ansible_collections.jdcloud.jcr.plugins.module_utils._upload import upload
from tests.benchmarks.figures import Figure, ratio
from tests.benchmarks.stage import Stage
from tests.emulator_tests import docker_registry
from tests.emulator_tests.registry import Account
from tests.support.sources import MemorySource, converse, image, write_layout

LAYERS, LAYER_SIZE = 10, 10 * 1024 * 1024
LARGE_LAYERS, LARGE_SIZE = 4, 512 * 1024 * 1024
ROUNDS = 3
TEAM = "bench-push", "bench-copy"
_PIECE = 1024 * 1024
_numbers = itertools.count(1)

TITLE = "Images without a daemon (100 MiB in 10 layers), against skopeo and the floor (time on the wall)"
ACTS = {
    "push an OCI layout to": 0.5,
    "copy between registries of": 0.7,
    "promote inside a registry of": 0.5,
}
_FLOOR, _MEGABYTES = 1.5, 150


@dataclasses.dataclass
class Registry:
    """One that can be pushed to; C(fresh) makes a repository in it that was never used."""

    host: str
    password: str | None
    fresh: t.Callable[[], str]

    @contextlib.contextmanager
    def repository(self, name: str) -> t.Iterator[Repository]:
        conversation = converse(self.host, self.password, clock=Clock())
        with contextlib.closing(conversation):
            yield Repository(conversation, name)

    def skopeo(self, side: str, name: str) -> list[str]:
        """Options and name for C(skopeo copy); C(side) is src or dest."""
        login = [f"--{side}-creds=jdcloud:{self.password}"] if self.password else []
        return [f"--{side}-tls-verify=false", *login, f"docker://{self.host}/{name}:v1"]


def figures(stage: Stage) -> t.Iterator[Figure]:
    """Against skopeo and the floor, for the emulator's registry and for Docker's own; and the memory it takes."""
    account = Account(stage.emulator)
    clients = [account.declare(name) for name in TEAM]

    def emulated(number: int) -> Registry:
        def fresh() -> str:
            name = f"team/repository-{next(_numbers)}"
            account.api.create_repository(name, TEAM[number])
            return name

        return Registry(clients[number].host, clients[number].password, fresh)

    with _dockers(stage.directory / "dockers-1") as first, _dockers(stage.directory / "dockers-2") as second:
        places = {"the emulator": (emulated(0), emulated(1)), "docker-registry": (first, second)}
        seconds: dict[str, list[float]] = {}
        for _round in range(ROUNDS):
            for what, value in _round_of(stage.directory / "transfers", places):
                seconds.setdefault(what, []).append(value)
    yield from _table({what: sorted(values)[ROUNDS // 2] for what, values in seconds.items()}, places)
    peak = multiprocessing.get_context("spawn").Pool(1)
    with peak:
        mebibytes = peak.apply(_peak_memory, (emulated(0).host, clients[0].password, emulated(0).fresh()))
    what = f"peak memory of a push of {LARGE_LAYERS * LARGE_SIZE >> 20} MiB"
    yield Figure(what, mebibytes, _MEGABYTES, unit="MB")


def _table(seconds: t.Mapping[str, float], places: t.Iterable[str]) -> t.Iterator[Figure]:
    for place in places:
        for act, goal in ACTS.items():
            what = f"{act} {place}"
            yield ratio(f"{what} : skopeo", seconds[what], seconds[f"{what}, skopeo"], goal)
            if act.startswith("push"):
                yield ratio(f"{what} : the floor", seconds[what], seconds["floor"], _FLOOR)


def _round_of(directory: Path, places: t.Mapping[str, tuple[Registry, Registry]]) -> t.Iterator[tuple[str, float]]:
    """Everything once, with an image that no registry has seen."""
    source = image([LAYER_SIZE] * LAYERS, seed=os.getpid() * 1000 + next(_numbers))
    layout = write_layout(source, directory / f"layout-{next(_numbers)}")
    yield "floor", _floor(source, layout)
    for place, (one, other) in places.items():
        name, away, inside = one.fresh(), other.fresh(), one.fresh()
        what = f"push an OCI layout to {place}"
        yield f"{what}, skopeo", _skopeo([f"oci:{layout}"], one.skopeo("dest", name))
        with one.repository(one.fresh()) as target:
            yield what, _timed(lambda target=target: _push(layout, target))
        what, origin = f"copy between registries of {place}", one.skopeo("src", name)
        yield f"{what}, skopeo", _skopeo(origin, other.skopeo("dest", away))
        with one.repository(name) as reader, other.repository(other.fresh()) as target:
            yield what, _timed(lambda r=reader, w=target: upload(RemoteSource(r, "v1"), w, ["v1"]))
        what = f"promote inside a registry of {place}"
        yield f"{what}, skopeo", _skopeo(origin, one.skopeo("dest", inside))
        with one.repository(name) as reader, one.repository(one.fresh()) as target:
            yield what, _timed(lambda r=reader, w=target: upload(RemoteSource(r, "v1"), w, ["v1"]))
    shutil.rmtree(layout)


def _push(layout: Path, target: Repository) -> None:
    with contextlib.closing(open_archive(str(layout))) as source:
        upload(source, target, ["v1"])


def _timed(act: t.Callable[[], object]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def _skopeo(source: t.Sequence[str], target: t.Sequence[str]) -> float:
    """Seconds of C(skopeo copy); each is options with a name at the end."""
    with tempfile.TemporaryDirectory() as home:
        line = ["skopeo", "--insecure-policy", "copy", "-q", *source[:-1], *target[:-1], source[-1], target[-1]]
        environment = {"PATH": os.environ["PATH"], "HOME": home, "XDG_RUNTIME_DIR": home}
        return _timed(lambda: subprocess.run(line, env=environment, capture_output=True, check=True))


def _floor(source: MemorySource, layout: Path) -> float:
    """Seconds from the first byte of the layout's blobs sent to the last one written."""
    files = [layout / "blobs" / digest.replace(":", "/") for digest in source.contents]
    sizes = [file.stat().st_size for file in files]
    with tempfile.TemporaryDirectory(dir=layout.parent) as target, socket.create_server(("127.0.0.1", 0)) as listener:
        receiver = threading.Thread(target=_receive, args=(listener, sizes, Path(target)))
        receiver.start()
        started = time.perf_counter()
        with socket.create_connection(listener.getsockname()) as sender:
            for file in files:
                with file.open("rb") as content:
                    sender.sendfile(content)
            sender.recv(1)
        seconds = time.perf_counter() - started
        receiver.join()
    return seconds


def _receive(listener: socket.socket, sizes: t.Sequence[int], directory: Path) -> None:
    buffer = memoryview(bytearray(_PIECE))
    connection, _address = listener.accept()
    with connection:
        for number, size in enumerate(sizes):
            hasher, left = hashlib.sha256(), size
            with (directory / str(number)).open("wb", buffering=0) as file:
                while left:
                    count = connection.recv_into(buffer[: min(left, _PIECE)])
                    hasher.update(buffer[:count])
                    file.write(buffer[:count])
                    left -= count
        connection.sendall(b".")


@contextlib.contextmanager
def _dockers(directory: Path) -> t.Iterator[Registry]:
    directory.mkdir()
    with docker_registry.serve(directory) as url:
        yield Registry(url.removeprefix("http://"), None, lambda: f"team/repository-{next(_numbers)}")


# --- memory ----------------------------------------------------------------------------------------------------------


class _Endless:
    """One piece again and again, up to the size of a large layer."""

    def __init__(self, piece: bytes) -> None:
        self._piece = piece
        self._left = LARGE_SIZE

    def seekable(self) -> bool:
        return False

    def read(self, count: int) -> bytes:
        data = self._piece[: min(count, self._left)]
        self._left -= len(data)
        return data

    def close(self) -> None:
        """Nothing to close."""


class _LargeSource(MemorySource):
    """An image of large layers that are nowhere kept."""

    def __init__(self) -> None:
        super().__init__()
        small = image(())
        document = json.loads(small.contents[small.root.digest])
        self.contents.update(small.contents)
        self._pieces: dict[str, bytes] = {}
        for number in range(LARGE_LAYERS):
            piece, hasher = bytes([number]) * (256 * 1024), hashlib.sha256()
            for _time in range(LARGE_SIZE // len(piece)):
                hasher.update(piece)
            digest = f"sha256:{hasher.hexdigest()}"
            self._pieces[digest] = piece
            media_type = "application/vnd.oci.image.layer.v1.tar"
            document["layers"].append({"mediaType": media_type, "digest": digest, "size": LARGE_SIZE})
        self.root = Descriptor.parse(self.add(json.dumps(document).encode(), document["mediaType"]))

    def open(self, blob: Descriptor) -> t.Any:
        return _Endless(self._pieces[blob.digest]) if blob.digest in self._pieces else super().open(blob)


def _peak_memory(host: str, password: str, name: str) -> float:
    """MiB that a process has had at most after it has pushed a large image."""
    with contextlib.closing(converse(host, password, clock=Clock())) as conversation:
        upload(_LargeSource(), Repository(conversation, name), ["v1"])
    # Not getrusage(): that one counts what the parent had when it forked.
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1024
