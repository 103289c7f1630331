# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Histories made up by hypothesis: tasks with and without faults, what others do in between, and time that passes."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import itertools
import pathlib
import typing as t

import hypothesis
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from tests.support.emulator import RunningEmulator
from tests.support.model.draws import LIMITS, REPOSITORIES, SKEWS, Attempt, Deed, Errand, happenings
from tests.support.model.trials import Trials
from tests.support.model.world import HOME, World

_STRICT, _LENIENT = 5, 1000  # tokens that the service itself allows in an hour


@dataclasses.dataclass
class Stage:
    """Where histories are played, and what states they went through: how many in all, and which different ones."""

    emulator: RunningEmulator
    directory: pathlib.Path
    module_every: int | None = None  # every so many tasks one is run as a module's process
    states: int = 0
    different: set[t.Hashable] = dataclasses.field(default_factory=set)
    failure: AssertionError | None = None  # the first one, with its history
    counts: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    numbers: t.Iterator[int] = dataclasses.field(default_factory=itertools.count)


class History(RuleBasedStateMachine):
    """Anything that may happen to an account. Each step ends in a state in which everything has been compared."""

    stage: t.ClassVar[Stage]

    @initialize(
        tokens_per_hour=st.sampled_from([_STRICT, _LENIENT]),
        skew=st.sampled_from(SKEWS),
        filled=st.sampled_from([True, True, True, False]),
    )
    def begin(self, tokens_per_hour: int, skew: int, filled: bool) -> None:
        stage = self.stage
        self.world = World(
            stage.emulator,
            stage.directory / f"world-{next(stage.numbers)}",
            limits=LIMITS,
            tokens_per_hour=tokens_per_hour,
            skew=datetime.timedelta(seconds=skew),
        )
        self.happened: list[t.Any] = [f"{tokens_per_hour} tokens an hour, skew {skew} s, filled: {filled}"]
        self.trials = Trials(self.world, stage.module_every)
        for repository in REPOSITORIES[:4] if filled else ():
            self.world.others_create(HOME, repository)
        if filled:
            self.world.others_push(REPOSITORIES[0], "1.0", True)

    @rule(happening=happenings)
    def happens(self, happening: Attempt | Deed | Errand) -> None:
        self.happened.append(happening)
        try:
            self._let_happen(happening)
        except AssertionError as error:
            if self.stage.failure is None:
                error.add_note("\n".join(map(str, self.happened)))
                self.stage.failure = error
            raise
        self.stage.states += 1
        self.stage.different.add(self.world.state())

    def _let_happen(self, happening: Attempt | Deed | Errand) -> None:
        if isinstance(happening, Attempt):
            self._try(happening)
        elif isinstance(happening, Errand):
            getattr(self.trials, happening.name)(*happening.arguments)
        else:
            self._others_do(happening)

    def _others_do(self, deed: Deed) -> None:
        self.world.happens(deed.name, *deed.arguments)

    def _try(self, attempt: Attempt) -> None:
        if attempt.prepared is not None and attempt.task.is_at(HOME):
            self.world.happens("others_create", HOME, REPOSITORIES[0])
            for deed in attempt.prepared:
                self._others_do(deed)
        if attempt.disturbed:
            deed, at = attempt.disturbed
            self.trials.do_disturbed(attempt.task, lambda: self._others_do(deed), at)
        else:
            self.trials.do(attempt.task, attempt.faults)

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.close()
            self.stage.counts += self.world.counts


def play(stage: Stage, seed: int, *, histories: int, steps: int) -> None:
    """Play histories of so many steps each; the first AssertionError, with its history in its notes, if there is one.

    Threads and passwords are not drawn, so that a history may end differently when it is played again. Therefore what
    hypothesis finds out by playing a failed one again is not asked for.
    """
    settings = hypothesis.settings(
        max_examples=histories,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
        print_blob=False,
        verbosity=hypothesis.Verbosity.quiet,
    )
    machine = hypothesis.seed(seed)(type("History", (History,), {"stage": stage}))
    try:
        run_state_machine_as_test(machine, settings=settings)
    except Exception:
        if stage.failure is None:
            raise
        raise stage.failure from None
