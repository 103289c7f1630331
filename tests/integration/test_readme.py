# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The README's examples do what it says, as they stand there."""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
import typing as t
from pathlib import Path

import docker
import pytest

from tests.support import images
from tests.support.contents import fill
from tests.support.emulator import RunningEmulator
from tests.support.engine import RunningEngine
from tests.support.playbooks import playbooks

README = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
SOURCE = "web:build"  # the image that the playbook pushes
PROGRAMS = Path(sys.executable).parent


class Reader:
    """Somebody who has copied the examples into an empty directory."""

    def __init__(self, place: Path, environment: dict[str, str]) -> None:
        self._place = place
        self._environment = environment

    def shell(self, line: str) -> str:
        """What a command prints that is entered with .venv active; it has to succeed."""
        environment = {**self._environment, "PATH": f"{PROGRAMS}:{self._environment['PATH']}"}
        done = subprocess.run(
            ["/bin/sh", "-c", line],
            cwd=self._place,
            env=environment,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout


@pytest.fixture
def reader(emulator: RunningEmulator, docker_engine: RunningEngine, tmp_path: Path) -> t.Iterator[Reader]:
    images.load(docker_engine.docker_host, images.runnable(SOURCE, message="the shop"))
    user = playbooks(tmp_path, emulator, docker_engine.docker_host)
    yield Reader(tmp_path, user.environment)
    with contextlib.closing(docker.APIClient(docker_engine.docker_host)) as client:
        client.remove_image(client.inspect_image(SOURCE)["Id"], force=True)


def test_the_first_playbook(reader: Reader, emulator: RunningEmulator, tmp_path: Path) -> None:
    """Predicted by a check run, done by a run, and left alone by the next one."""
    playbook = re.search(r"^```yaml\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    assert playbook
    (tmp_path / "shop.yml").write_text(playbook[1], encoding="utf-8")
    predicted = recap(reader.shell("ansible-playbook --check --diff shop.yml"))
    assert emulator.state()["registries"] == []
    assert recap(reader.shell("ansible-playbook shop.yml")) == predicted
    assert predicted["changed"] == "4"
    before = len(emulator.requests())
    assert recap(reader.shell("ansible-playbook shop.yml"))["changed"] == "0"
    again = emulator.requests(before)
    assert again
    assert [entry for entry in again if entry["write"] or entry["token_issued"] or entry["plane"] == "data"] == []


def example(containing: str) -> str:
    """The playbook of the README that says so."""
    (found,) = (block for block in re.findall(r"^```yaml\n(.*?)^```$", README, re.M | re.S) if containing in block)
    return found


def test_from_the_build_to_a_release(reader: Reader, emulator: RunningEmulator, tmp_path: Path) -> None:
    """Predicted, done and left alone; and another build does not replace what was released."""
    (tmp_path / "release.yml").write_text(example("Push the archive of the build"), encoding="utf-8")
    fill(emulator, "myshop", {"shop/web": ["1.0"]})
    reader.shell("ansible localhost -m jdcloud.jcr.jcr_registry -a 'name=myshop-east region=cn-east-2'")
    archive = tmp_path / "build" / "web.tar"
    archive.parent.mkdir()
    archive.write_bytes(images.layered("web:build", 2, 20_000, seed=1).data())
    predicted = recap(reader.shell("ansible-playbook --check --diff release.yml"))
    assert recap(reader.shell("ansible-playbook release.yml")) == predicted
    assert predicted["changed"] == "4"
    released = digests(emulator)
    assert len({released[tag] for tag in ("4711", "candidate", "stable", "1.1", "latest")}) == 1
    start = len(emulator.requests())
    assert recap(reader.shell("ansible-playbook release.yml"))["changed"] == "0"
    assert [entry for entry in emulator.requests(start) if entry["write"] or entry["plane"] == "data"] == []
    archive.write_bytes(images.layered("web:build", 2, 20_000, seed=2).data())
    refused = reader.shell("ansible-playbook release.yml || true")
    assert recap(refused)["failed"] == "1" and "is one of the immutable_tags" in refused
    now = digests(emulator)
    assert now["stable"] != released["stable"]
    assert (now["1.1"], now["latest"]) == (released["1.1"], released["latest"])


def digests(emulator: RunningEmulator) -> dict[str, str]:
    """{tag: digest} of all registries."""
    repositories = [found for registry in emulator.state()["registries"] for found in registry["repositories"]]
    return {tag: image["digest"] for found in repositories for image in found["images"] for tag in image["tags"]}


def test_the_clean_up(reader: Reader, emulator: RunningEmulator, tmp_path: Path) -> None:
    (tmp_path / "clean.yml").write_text(example("Make room"), encoding="utf-8")
    nightlies = [f"nightly-{number}" for number in range(8)]
    fill(emulator, "myshop", {"shop/web": ["1.0", *nightlies]})
    emulator.clock(advance_seconds=20 * 86400)
    predicted = recap(reader.shell("ansible-playbook --check clean.yml"))
    assert recap(reader.shell("ansible-playbook clean.yml")) == predicted
    assert predicted["changed"] == "1"
    ((repository,),) = (registry["repositories"] for registry in emulator.state()["registries"])
    left = {tag for image in repository["images"] for tag in image["tags"]}
    assert "1.0" in left and len(left) == 6  # which of the nightlies is not said: they have come in the same second


def test_the_ad_hoc_commands(reader: Reader, emulator: RunningEmulator) -> None:
    """The first one only looks; each of the others does something."""
    look, *others = re.findall(r"^ansible localhost .*$", README, re.MULTILINE)
    assert "CHANGED" in reader.shell(look)
    assert emulator.state()["registries"] == []
    assert len(others) >= 3
    for command in others:
        assert "CHANGED" in reader.shell(command)


def recap(output: str) -> dict[str, str]:
    """The counts in the last line that ansible-playbook prints."""
    return dict(re.findall(r"(\w+)=(\d+)", output.rstrip().splitlines()[-1]))
