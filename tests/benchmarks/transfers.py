# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Images into registries and from one to another without a daemon, against skopeo and against the bare floor.

The floor is what no sender and receiver can do without: sendfile, loopback, SHA-256, write. Docker's own registry takes
longer than that for its part alone, whoever sends: there the floor is sendfile to that registry. Every round has images
of its own, since registries and skopeo remember what they have seen.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import os
import shutil
import subprocess
import tempfile
import time
import typing as t
from pathlib import Path

from ansible_collections.jdcloud.jcr.plugins.module_utils._archive import open_archive
from ansible_collections.jdcloud.jcr.plugins.module_utils._clock import Clock
from ansible_collections.jdcloud.jcr.plugins.module_utils._distribution import Repository
from ansible_collections.jdcloud.jcr.plugins.module_utils._remotesource import RemoteSource
from ansible_collections.jdcloud.jcr.plugins.module_utils._upload import upload
from tests.benchmarks.figures import Figure, ratio
from tests.benchmarks.floors import bare_loopback, bare_upload
from tests.benchmarks.stage import Stage
from tests.emulator_tests import docker_registry
from tests.emulator_tests.registry import Account
from tests.support.sources import converse, image, write_layout

LAYERS, LAYER_SIZE = 10, 10 * 1024 * 1024
ROUNDS = 5
TEAM = "bench-push", "bench-copy"
_numbers = itertools.count(1)

TITLE = "Images without a daemon (100 MiB in 10 layers), the uploader alone against skopeo and the floor (on the wall)"
ACTS = {
    "push an OCI layout to": 0.5,
    "copy between registries of": 0.7,
    "promote inside a registry of": 0.5,
}
EMULATOR, DOCKERS = "the emulator", "docker-registry"
LOOPBACK, BARE = "the floor", f"sendfile to {DOCKERS}"
_FLOOR = 1.5


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
    """Against skopeo and the floor, for the emulator's registry and for Docker's own."""
    account = Account(stage.emulator)
    clients = [account.declare(name) for name in TEAM]

    def emulated(number: int) -> Registry:
        def fresh() -> str:
            name = f"team/repository-{next(_numbers)}"
            account.api.create_repository(name, TEAM[number])
            return name

        return Registry(clients[number].host, clients[number].password, fresh)

    with _dockers(stage.directory / "dockers-1") as first, _dockers(stage.directory / "dockers-2") as second:
        places = {EMULATOR: (emulated(0), emulated(1)), DOCKERS: (first, second)}
        seconds: dict[str, list[float]] = {}
        for _round in range(ROUNDS):
            for what, value in _round_of(stage.directory / "transfers", places):
                seconds.setdefault(what, []).append(value)
    yield from _table({what: min(values) for what, values in seconds.items()})


def _table(seconds: t.Mapping[str, float]) -> t.Iterator[Figure]:
    """The least of each is compared: what else runs on a machine can only add to it."""
    for place, floor in ((EMULATOR, LOOPBACK), (DOCKERS, BARE)):
        for act, goal in ACTS.items():
            what = f"{act} {place}"
            yield ratio(f"{what} : skopeo", seconds[what], seconds[f"{what}, skopeo"], goal)
            if act.startswith("push"):
                yield ratio(f"{what} : {floor}", seconds[what], seconds[floor], _FLOOR)
    yield ratio(f"{BARE} : {LOOPBACK}", seconds[BARE], seconds[LOOPBACK])


def _round_of(directory: Path, places: t.Mapping[str, tuple[Registry, Registry]]) -> t.Iterator[tuple[str, float]]:
    """Everything once, with an image that no registry has seen."""
    source = image([LAYER_SIZE] * LAYERS, seed=os.getpid() * 1000 + next(_numbers))
    layout = write_layout(source, directory / f"layout-{next(_numbers)}")
    files = {digest: layout / "blobs" / digest.replace(":", "/") for digest in source.contents}
    yield LOOPBACK, bare_loopback(list(files.values()), directory)
    yield BARE, bare_upload(files, places[DOCKERS][0].host, places[DOCKERS][0].fresh())
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


@contextlib.contextmanager
def _dockers(directory: Path) -> t.Iterator[Registry]:
    directory.mkdir()
    with docker_registry.serve(directory) as url:
        yield Registry(url.removeprefix("http://"), None, lambda: f"team/repository-{next(_numbers)}")
