# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The examples of the modules' documentation, and the worlds in which they do what they say.

All examples of a module run one after the other in one play, as they stand in the documentation.
"""

from __future__ import annotations

import contextlib
import dataclasses
import getpass
import importlib
import os
import shlex
import sys
import textwrap
import typing as t
from pathlib import Path

import docker
import yaml

from tests.support import images
from tests.support.builds import UPSTREAM_PASSWORD
from tests.support.contents import fill, push_index
from tests.support.playbooks import Playbooks, Run
from tests.support.returned import Documented
from tests.support.tasks import Account, run_here

COLLECTION = Path(__file__).resolve().parents[2]
MODULES = sorted(path.stem for path in (COLLECTION / "plugins" / "modules").glob("jcr_*.py"))


@dataclasses.dataclass(frozen=True)
class World:
    """What is there before a module's examples run."""

    # Registries, their repositories, and the tags in these.
    registries: t.Mapping[str, t.Mapping[str, t.Sequence[str]]] = dataclasses.field(default_factory=dict)
    # Settings of the emulator.
    settings: t.Mapping[str, t.Any] = dataclasses.field(default_factory=dict)
    # Registry, repository and tag of an index, whose images have no tag.
    index: tuple[str, str, str] | None = None
    # The days for which all of this has been there, and how many tokens the examples have issued.
    age: int = 0
    issues: int = 0
    # A registry in another region.
    elsewhere: tuple[str, str] | None = None
    # Whether there are the files of a build (builds), and somebody else's registry to copy from.
    builds: bool = False
    # Whether a Docker Engine is needed, and the local images that it has.
    engine: bool = False
    images: tuple[str, ...] = ()
    # The registry of a token that was issued elsewhere and is in a file of the console, in the home directory.
    console_file: tuple[str, str] | None = None
    # Credential helpers that are installed.
    helpers: tuple[str, ...] = ()
    # The examples that change something, in their order; of those in check mode, what they predict.
    changes: tuple[str, ...] = ()


SHOP = {"myshop": {"shop/web": ["1.0", "latest"], "shop/worker": ["nightly-1"]}}
EMPTY_SHOP: dict[str, dict[str, list[str]]] = {"myshop": {}}

WORLDS = {
    "jcr_registry": World(
        {"myshop-lab": {"shop/web": ["1.0"]}},
        settings={"names": "addressable"},
        changes=(
            "A registry",
            "A registry in another region",
            "Let the service judge the name",
            "No such registry (it has to be empty)",
            "No such registry, nor the repositories and images in it, if they are 50 at most",
            "Have a registry, and go on while the service still prepares it",
        ),
    ),
    "jcr_repository": World(
        {"myshop": {"shop/old": [], "lab/web": [], "base/os": ["1.0"], "try/new": []}},
        changes=(
            "A repository",
            "Several repositories",
            "These repositories and no others below shop/, but never delete more than 2",
            "These repositories and no others, but nothing below base/ is touched",
            "See what else a purge would delete, with its images",
            "No such repository, and none of its images",
        ),
    ),
    "jcr_token": World(
        EMPTY_SHOP,
        console_file=("myshop", "Downloads/myshop-token.xlsx"),
        changes=(
            "A token that lives for at least 30 minutes more",
            "A token for a long night, and the file that the console would offer",
            "A new token every night, and the old one void",
            "Use the token that a colleague had issued in the console",
            "Release the tokens that tasks on this machine had issued",
            "Release all tokens of the registry",
        ),
    ),
    "jcr_login": World(
        {"myshop": {}, "myshop-lab": {}},
        helpers=("pass",),
        changes=(
            "Log in",
            "Log several users in with one token, for example [builder, release], each in its own home",
            "Log in through the credential helper docker-credential-pass",
            "Log in without the credential store that is configured, for example because it needs a desktop",
            "Log in to two registries, also inside the VPC",
            "Keep the login in a file of its own",
            "Log out",
        ),
    ),
    "jcr_image": World(
        {
            "myshop": {
                "shop/web": [
                    *("untagged", "untagged", "prod-1"),
                    *(f"nightly-{night}" for night in range(1, 7)),
                    *("1.0.0", "1.1.0", "1.2.0", "1.3.0"),
                    *(f"try-{number}" for number in range(1, 4)),
                    "candidate",
                ]
            }
        },
        index=("myshop", "shop/web", "prod-2"),
        age=200,
        elsewhere=("myshop-south", "cn-south-1"),
        builds=True,
        engine=True,
        images=("web:build", "app:hotfix", "app:build"),
        changes=(
            "Push a local image",
            "Push it under several tags",
            "Push what the build has written, without a Docker Engine",
            "Push one platform of an archive of several images",
            "Promote what was tested, without moving data",
            "Release it, where a release never changes",
            "Copy the release to the registry of another region",
            "Take a base image over from another registry, for two platforms",
            "Move a tag only if nobody else has moved it",
            "Never replace a tag",
            "Push a large image, and give up after an hour or when nothing moves for ten minutes",
            "Have some version of it there, and do not ask for a newer one",
            "Delete a tag",
            "Delete the image of a digest, whatever its tags",
            "Delete what no tag stands for any more, 50 images at most",
            "Delete the nightly builds of more than two weeks ago, but always keep the last five",
            "Keep the three newest releases of the first major version, and whatever is stable",
            "Delete what nobody has pulled for half a year, unless it is in production",
            "Take one tag off, and fail where that could cost another one",
        ),
    ),
    "jcr_registry_info": World(SHOP),
    "jcr_repository_info": World(SHOP),
    "jcr_image_info": World(SHOP, issues=1),
    "jcr_token_info": World(SHOP),
    "jcr_quota_info": World(SHOP),
    "jcr_preflight": World(SHOP, engine=True, images=("web:build",)),
    "jcr_on_host": World(engine=True, images=("ubuntu:latest",)),
}


# A credential store that keeps one file a host beside itself.
HELPER = """#!/bin/sh
vault=$(dirname "$0")/vault
mkdir -p "$vault"
case $1 in
store) login=$(cat); host=${login#*\\"ServerURL\\": \\"}; printf %s "$login" >"$vault/${host%%\\"*}" ;;
get) cat "$vault/$(cat)" 2>/dev/null || { echo "credentials not found in native keychain"; exit 1; } ;;
erase) rm -f "$vault/$(cat)" ;;
esac
"""


def install_helper(folder: Path, name: str) -> None:
    """A credential helper of this name, in a folder that has to be on PATH; its logins are in C(vault) beside it."""
    folder.mkdir(exist_ok=True)
    program = folder / f"docker-credential-{name}"
    program.write_text(HELPER)
    program.chmod(0o755)


def examples(name: str) -> list[dict[str, t.Any]]:
    """The examples of a module as tasks."""
    module = importlib.import_module(f"ansible_collections.jdcloud.jcr.plugins.modules.{name}")
    return t.cast(list[dict[str, t.Any]], yaml.safe_load(module.EXAMPLES))


def variables_of(place: Path) -> dict[str, t.Any]:
    """What the examples leave to the play: users of this machine, and a file that is none of this machine's own."""
    return {
        "builders": [getpass.getuser()],
        "builders_config": str(place / "builders.json"),
        "build_number": "b4711",
        "upstream_password": UPSTREAM_PASSWORD,
    }


def prepare(world: World, account: Account) -> None:
    """Make the registries of a world and the files of its user."""
    account.emulator.settings(dict(world.settings))
    for registry, contents in world.registries.items():
        client = fill(account.emulator, registry, contents)
        if world.index and world.index[0] == registry:
            push_index(client, *world.index[1:])
    account.emulator.clock(advance_seconds=world.age * 86400)
    if world.elsewhere:
        name, region = world.elsewhere
        assert run_here(account, "jcr_registry", {"name": name, "region": region})["changed"]
    keys = {"access_key": account.emulator.access_key, "secret_key": account.emulator.secret_key}
    (account.home / ".jdc").mkdir()
    lines = ["[production]", *(f"{key} = {value}" for key, value in keys.items())]
    profile = account.home / ".jdc" / "config"
    profile.write_text("\n".join(lines), encoding="utf-8")
    profile.chmod(0o600)
    if world.console_file:
        registry, name = world.console_file
        file = account.home / name
        file.parent.mkdir()
        options = {"registry": registry, "hours": 24, "cache": str(account.home / "elsewhere"), "dest": str(file)}
        assert run_here(account, "jcr_token", options)["changed"]


@contextlib.contextmanager
def local_images(docker_host: str, names: t.Sequence[str]) -> t.Iterator[None]:
    """Have these images in the engine for a while, each another one; afterwards it has none but those from before."""
    with contextlib.closing(docker.APIClient(docker_host)) as client:
        before = set(client.images(quiet=True))
        for name in names:
            images.load(client, images.runnable(name, message=name))
        try:
            yield
        finally:
            for image_id in set(client.images(quiet=True)) - before:
                client.remove_image(image_id, force=True)


def play(books: Playbooks, name: str, *, in_process: bool = True, **variables: t.Any) -> Run:
    """Run all examples of a module in one play, on this machine and, where they ask for one, as this very user."""
    module = importlib.import_module(f"ansible_collections.jdcloud.jcr.plugins.modules.{name}")
    tasks = textwrap.indent(module.EXAMPLES.replace("---\n", "", 1), "    ")
    for helper in WORLDS[name].helpers:
        install_helper(books.place / "bin", helper)
    books.environment["PATH"] = f"{books.place / 'bin'}{os.pathsep}{books.environment['PATH']}"
    variables = {
        **variables_of(books.place),
        **variables,
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "ansible_become_user": getpass.getuser(),
        "jcr_in_process": in_process,
    }
    given = " ".join(f"{key}={shlex.quote(str(value))}" for key, value in variables.items())
    return books.play(f"- hosts: all\n  gather_facts: false\n  tasks:\n{tasks}", inventory=f"localhost {given}\n")


def assert_as_documented(name: str, run: Run, documented: Documented) -> None:
    """Every example ran, did what it says, without a warning, and returned what the documentation says."""
    assert run.code == 0, run.output
    assert [task.task for task in run.tasks] == [example["name"] for example in examples(name)]
    assert [task.status for task in run.tasks] == ["ok"] * len(run.tasks)
    assert [task.task for task in run.tasks if task.changed] == list(WORLDS[name].changes)
    assert [task.result["warnings"] for task in run.tasks if task.result.get("warnings")] == []
    for task in run.tasks:
        if "censored" not in task.result:
            documented.check(task.result, task.task)
