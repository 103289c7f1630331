# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The demo, step by step: plan, run, pull and run the image, run again."""

from __future__ import annotations

import typing as t

from tests.demo import checks, dockercommand
from tests.demo.runs import PLAYBOOK, play
from tests.demo.screen import Screen
from tests.demo.stage import Stage
from tests.support.playbooks import Run

# The tasks of the playbook that show what there is.
_REGISTRY = "Show the registry and its repositories"
_TOKEN = "Show the token's file and how long the token lives"
_IMAGE = "Show the image"


def tell(stage: Stage, screen: Screen) -> None:
    """Go the whole way. Raises DemoFailed at the first thing that is not as it has to be."""
    plan = make_a_plan(stage, screen)
    run = carry_it_out(stage, screen, plan)
    show_what_there_is(screen, run)
    use_the_docker_command(stage, screen, run)
    run_it_again(stage, screen)


def make_a_plan(stage: Stage, screen: Screen) -> Run:
    """A check run on the empty account: it tells what would be done, and does none of it."""
    screen.chapter(f"1. A plan: ansible-playbook --check --diff {PLAYBOOK}")
    plan, traffic = _play(stage, "--check", "--diff")
    checks.has_only_read(traffic, "the check run")
    screen.result(f"{len(plan.changed)} tasks would change something; the emulator saw {traffic}")
    screen.result(f"registries and repositories in the plan: {checks.sums(plan)[-1]}")
    return plan


def carry_it_out(stage: Stage, screen: Screen, plan: Run) -> Run:
    """Registry, repositories, token, push, pull, login; each task as the plan said."""
    screen.chapter(f"2. The run: ansible-playbook {PLAYBOOK}")
    run, traffic = _play(stage)
    checks.was_predicted(plan, run)
    screen.result(f"everything went as planned: {len(run.changed)} tasks changed something")
    screen.result(f"registries and repositories: {checks.sums(run)[-1]}")
    screen.result(f"the emulator saw {traffic}")
    return run


def show_what_there_is(screen: Screen, run: Run) -> None:
    """URIs, digest, and the file with the token."""
    registry, *repositories = _shown(run, _REGISTRY)
    token, image = _shown(run, _TOKEN), _shown(run, _IMAGE)
    screen.chapter("3. What there is now")
    screen.fact("registry", f"{registry}   (with JD Cloud: NAME-REGION.jcr.service.jdcloud.com)")
    screen.fact("repositories", *repositories)
    screen.fact("image", *image["uris"])
    screen.fact("digest", image["digest"])
    screen.fact("token", f"{token['file']}   (valid until {token['expires_at']})")


def use_the_docker_command(stage: Stage, screen: Screen, run: Run) -> None:
    """What the login is for: docker pulls without being told a password."""
    screen.chapter("4. The plain docker command, which the playbook has logged in")
    image = _shown(run, _IMAGE)
    uris = image["uris"]
    if not dockercommand.available(stage, screen):
        screen.line("  Skipped: docker pull and docker run, because this machine has an engine but no docker command.")
        return
    dockercommand.pull(stage, screen, uris, image["digest"])
    dockercommand.run(stage, screen, uris[-1])


def run_it_again(stage: Stage, screen: Screen) -> None:
    """Everything is as it has to be, so nothing may be done; this is measured."""
    screen.chapter(f"5. The same once more: ansible-playbook {PLAYBOOK}")
    again, traffic = _play(stage)
    checks.has_changed_nothing(again)
    checks.has_only_read(traffic, "the second run")
    screen.result(f"changed={len(again.changed)}; the emulator saw {traffic}")


def _play(stage: Stage, *options: str) -> tuple[Run, checks.Traffic]:
    before = len(stage.emulator.requests())
    run = play(stage, *options)
    checks.has_succeeded(run)
    return run, checks.Traffic.of(stage.emulator.requests(before))


def _shown(run: Run, name: str) -> t.Any:
    """What a task of the playbook shows."""
    return run.of(name)[0].result["msg"]
