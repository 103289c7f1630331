# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Images into registries and from one to another without a daemon, against skopeo and against the bare floor.

The floor is what no sender and receiver can do without: sendfile, loopback, SHA-256, write. The emulator's registry is
near it. Docker's own takes about twice as long for its part alone, whoever sends, so that most of skopeo's time is the
registry's: there the floors are sendfile to that registry and a bare relay between two of it, and skopeo is only told.
Everyone has images of his own, since registries and skopeo remember what they have seen, and each round has empty
registries.
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
from tests.benchmarks.figures import Figure, quicker_half, ratio
from tests.benchmarks.floors import bare_loopback, bare_relay, bare_upload
from tests.benchmarks.stage import Stage
from tests.emulator_tests import docker_registry
from tests.emulator_tests.registry import Account
from tests.support.emulator import RunningEmulator
from tests.support.sources import converse, gzipped_image, write_layout

LAYERS, LAYER_SIZE = 10, 10 * 1024 * 1024
ROUNDS = 12
TEAM = "bench-push", "bench-copy"
_TAG = "v1"
_numbers = itertools.count(1)

TITLE = "Images without a daemon (100 MiB in 10 layers), the uploader alone against skopeo and the floor (on the wall)"
PUSH, COPY, PROMOTE = "push an OCI layout to", "copy between registries of", "promote inside a registry of"
EMULATOR, DOCKERS = "the emulator", "docker-registry"
LOOPBACK, SENDFILE, RELAY = "the floor", f"sendfile to {DOCKERS}", "a bare relay"
SKOPEO = "skopeo"
# What each act is compared with in which registry, and how many times that it may take.
GOALS: tuple[tuple[str, str, str, float | None], ...] = (
    (PUSH, EMULATOR, SKOPEO, 0.5),
    (PUSH, EMULATOR, LOOPBACK, 1.5),
    (COPY, EMULATOR, SKOPEO, 0.7),
    (PROMOTE, EMULATOR, SKOPEO, 0.5),
    (PUSH, DOCKERS, SENDFILE, 1.3),
    (PUSH, DOCKERS, SKOPEO, None),
    (COPY, DOCKERS, RELAY, 1.2),
    (COPY, DOCKERS, SKOPEO, None),
    (PROMOTE, DOCKERS, SKOPEO, 0.5),
)


@dataclasses.dataclass
class Registry:
    """One that can be pushed to; C(fresh) makes a repository in it that was never used."""

    host: str
    password: str | None
    fresh: t.Callable[[], str]

    def place(self) -> Place:
        """Where no image ever was."""
        return Place(self, self.fresh())


@dataclasses.dataclass
class Place:
    """A repository, for one image."""

    registry: Registry
    name: str

    @property
    def at(self) -> tuple[str, str]:
        """Host and name."""
        return self.registry.host, self.name

    @contextlib.contextmanager
    def repository(self) -> t.Iterator[Repository]:
        conversation = converse(self.registry.host, self.registry.password, clock=Clock())
        with contextlib.closing(conversation):
            yield Repository(conversation, self.name)

    def skopeo(self, side: str) -> list[str]:
        """Options and name for C(skopeo copy); C(side) is src or dest."""
        login = [f"--{side}-creds=jdcloud:{self.registry.password}"] if self.registry.password else []
        return [f"--{side}-tls-verify=false", *login, f"docker://{self.registry.host}/{self.name}:{_TAG}"]


class Uploader:
    """The collection's."""

    suffix = ""

    def push(self, layout: Path, target: Place) -> None:
        with target.repository() as repository, contextlib.closing(open_archive(str(layout))) as source:
            upload(source, repository, [_TAG])

    def copy(self, origin: Place, target: Place) -> None:
        with origin.repository() as reader, target.repository() as repository:
            upload(RemoteSource(reader, _TAG), repository, [_TAG])


class Skopeo:
    """As it is installed."""

    suffix = f", {SKOPEO}"

    def push(self, layout: Path, target: Place) -> None:
        _skopeo_copy([f"oci:{layout}"], target.skopeo("dest"))

    def copy(self, origin: Place, target: Place) -> None:
        _skopeo_copy(origin.skopeo("src"), target.skopeo("dest"))


Sender = Uploader | Skopeo


def figures(stage: Stage) -> t.Iterator[Figure]:
    """Against skopeo and the floor, for the emulator's registry and for Docker's own."""
    seconds: dict[str, list[float]] = {}
    senders: list[Sender] = [Uploader(), Skopeo()]
    for _round in range(ROUNDS):
        with tempfile.TemporaryDirectory(dir=stage.directory) as directory:
            for what, value in _round_of(Path(directory), stage.emulator, senders):
                seconds.setdefault(what, []).append(value)
        senders.reverse()
    yield from _table({what: quicker_half(values) for what, values in seconds.items()})


def _table(seconds: t.Mapping[str, float]) -> t.Iterator[Figure]:
    for act, place, other, goal in GOALS:
        what = f"{act} {place}"
        reference = seconds[what + Skopeo.suffix] if other == SKOPEO else seconds[other]
        yield ratio(f"{what} : {other}", seconds[what], reference, goal)
    # Where the floors of docker-registry are.
    yield ratio(f"{SENDFILE} : {LOOPBACK}", seconds[SENDFILE], seconds[LOOPBACK])
    for act, floor in ((PUSH, SENDFILE), (COPY, RELAY)):
        yield ratio(f"{floor} : {SKOPEO}", seconds[floor], seconds[f"{act} {DOCKERS}{Skopeo.suffix}"])


def _round_of(directory: Path, emulator: RunningEmulator, senders: t.Sequence[Sender]) -> t.Iterator[tuple[str, float]]:
    """Everything once, in the order of the senders."""
    with _dockers(directory / "dockers-1") as first, _dockers(directory / "dockers-2") as second:
        with _layout(directory) as layout:
            files = {f"sha256:{file.name}": file for file in (layout / "blobs" / "sha256").iterdir()}
            yield LOOPBACK, _timed(lambda: bare_loopback(list(files.values()), directory))
            sizes = {digest: file.stat().st_size for digest, file in files.items()}
            origin, target = first.place(), second.place()
            yield SENDFILE, _timed(lambda: bare_upload(files, *origin.at))
            yield RELAY, _timed(lambda: bare_relay(sizes, origin.at, target.at))
        for where, (one, other) in {EMULATOR: _emulated(emulator), DOCKERS: (first, second)}.items():
            for sender in senders:
                for act, value in _acts(directory, sender, one, other):
                    yield f"{act} {where}{sender.suffix}", value


def _acts(directory: Path, sender: Sender, one: Registry, other: Registry) -> t.Iterator[tuple[str, float]]:
    """All that one sender does, with an image that nobody has seen."""
    origin = one.place()
    with _layout(directory) as layout:
        yield PUSH, _timed(lambda: sender.push(layout, origin))
    for act, target in ((COPY, other.place()), (PROMOTE, one.place())):
        yield act, _timed(lambda target=target: sender.copy(origin, target))


@contextlib.contextmanager
def _layout(directory: Path) -> t.Iterator[Path]:
    number = next(_numbers)
    layout = directory / f"layout-{number}"
    write_layout(gzipped_image([LAYER_SIZE] * LAYERS, seed=os.getpid() * 1000 + number), layout)
    try:
        yield layout
    finally:
        shutil.rmtree(layout)


def _timed(act: t.Callable[[], object]) -> float:
    """Seconds; what was written before is on the disk by then, and slows down nobody who comes after."""
    os.sync()
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def _skopeo_copy(source: t.Sequence[str], target: t.Sequence[str]) -> None:
    """Each is options with a name at the end."""
    with tempfile.TemporaryDirectory() as home:
        line = ["skopeo", "--insecure-policy", "copy", "-q", *source[:-1], *target[:-1], source[-1], target[-1]]
        environment = {"PATH": os.environ["PATH"], "HOME": home, "XDG_RUNTIME_DIR": home}
        subprocess.run(line, env=environment, capture_output=True, check=True)


def _emulated(emulator: RunningEmulator) -> tuple[Registry, Registry]:
    """Two registries of an emulator that has forgotten everything."""
    emulator.reset()
    account = Account(emulator)

    def registry(team: str) -> Registry:
        client = account.declare(team)

        def fresh() -> str:
            name = f"team/repository-{next(_numbers)}"
            account.api.create_repository(name, team)
            return name

        return Registry(client.host, client.password, fresh)

    return registry(TEAM[0]), registry(TEAM[1])


@contextlib.contextmanager
def _dockers(directory: Path) -> t.Iterator[Registry]:
    directory.mkdir()
    with docker_registry.serve(directory) as url:
        yield Registry(url.removeprefix("http://"), None, lambda: f"team/repository-{next(_numbers)}")
