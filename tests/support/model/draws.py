# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can happen in a history, as hypothesis draws it.

Few names make that things meet, and nothing that is drawn depends on the state: a seed gives the same history.
"""

from __future__ import annotations

import dataclasses
import typing as t

from hypothesis import strategies as st

from tests.support.model.estate import Limits
from tests.support.model.world import HOME, Task

OTHERS = ("tools", "elsewhere", "stolen")
REPOSITORIES = ("web/front", "web/back", "web/cart", "lint", "misc/one", "misc/two")
LIMITS = Limits(registries=3, repositories=5, taken=frozenset({"stolen"}))

SKEWS = (0, -300, 300, 7200)  # seconds by which the clock of the controller is wrong
_PAUSES = (1, 59, 600, 1800, 3540, 3601, 7200, 86400)  # seconds
_ACTIONS: tuple[t.Any, ...] = (
    "lost_answer",
    "lost_answer",
    "reset",
    {"cut": {"after_bytes": 10}},
    {"status": {"http": 429, "retry_after": 2}},
    {"status": {"http": 500}},
    {"status": {"http": 502, "html": True}},
    {"status": {"http": 503}},
    {"status": {"http": 403}},
)

Strategy = st.SearchStrategy[t.Any]


@dataclasses.dataclass(frozen=True)
class Deed:
    """Something that others do: a method of World and its arguments."""

    name: str
    arguments: tuple[t.Any, ...]


@dataclasses.dataclass(frozen=True)
class Errand:
    """More than one task, or one that needs something of others: a method of Trials and its arguments."""

    name: str
    arguments: tuple[t.Any, ...]


@dataclasses.dataclass(frozen=True)
class Attempt:
    """A task with what troubles it.

    C(faults) strike it when it is first run; C(disturbed) is what others do after so many calls. C(prepared): others
    have made its registry before, and done these things.
    """

    task: Task
    faults: t.Sequence[t.Mapping[str, t.Any]]
    disturbed: tuple[Deed, int] | None
    prepared: t.Sequence[Deed] | None


def _weighted(*branches: tuple[int, Strategy]) -> Strategy:
    """One of these strategies, each as often as its weight says."""
    chosen = [branch for weight, branch in branches for _time in range(weight)]
    return st.sampled_from(range(len(chosen))).flatmap(chosen.__getitem__)  # integers() prefers its ends


def _faults(*operations: str) -> Strategy:
    """One or two that strike these operations, the first of them more often, or whatever is called."""
    chosen = _weighted((2, st.just(operations[0])), (1, st.sampled_from(operations)))
    nth = st.sampled_from([1, 1, 1, 2, 3, 4])
    plane = st.just("control")
    matches = _weighted(
        (2, st.fixed_dictionaries({"plane": plane, "nth": nth, "operation": chosen})),
        (1, st.fixed_dictionaries({"plane": plane, "nth": nth})),
    )
    fault = st.fixed_dictionaries(
        {"match": matches, "times": st.sampled_from([1, 1, 1, 2, 8]), "action": st.sampled_from(_ACTIONS)}
    )
    return st.lists(fault, min_size=1, max_size=2)


def _task(
    module: str, always: dict[str, t.Any], sometimes: dict[str, t.Any] | None = None, faults: Strategy | None = None
) -> Strategy:
    """Attempts of a task; options are strategies, or values as they are. One that only looks has no C(faults)."""
    required, optional = (
        {name: value if isinstance(value, st.SearchStrategy) else st.just(value) for name, value in options.items()}
        for options in (always, sometimes or {})
    )
    options = st.fixed_dictionaries(required, optional=optional)
    task = st.builds(Task, st.just(module), options)
    prepared = _weighted((5, st.lists(_others, min_size=1, max_size=2)), (1, st.none()))
    calm = st.builds(Attempt, task, st.just(()), st.none(), prepared)
    if faults is None:
        return calm
    amid = st.tuples(_others, st.sampled_from(range(1, 7)))
    return _weighted(
        (4, calm),
        (4, st.builds(Attempt, task, faults, st.none(), prepared)),
        (2, st.builds(Attempt, task, st.just(()), amid, prepared)),
    )


def _deed(name: str, *arguments: Strategy) -> Strategy:
    return st.builds(Deed, st.just(name), st.tuples(*arguments))


_registries = st.sampled_from((HOME,) * 12 + OTHERS)
_repositories = st.sampled_from(REPOSITORIES)
_descriptions = st.sampled_from(["", "One", "Two"])
_flags = st.booleans()
_force = st.sampled_from([True, True, False])
_caps = st.sampled_from([0, 1, 2, 3, 10])
_drifts = st.sampled_from(["ignore", "ignore", "warn", "fail"])
_workers = st.sampled_from([1, 8])
_places = st.integers(0, 3)
_entries, _few_entries = (
    st.lists(
        st.fixed_dictionaries({"name": _repositories}, optional={"description": _descriptions}),
        max_size=longest,
        unique_by=lambda entry: entry["name"],
    )
    for longest in (5, 2)
)
_few_repositories = st.lists(_repositories, max_size=3, unique=True)

# --- others ----------------------------------------------------------------------------------------------------------

_others = _weighted(
    (2, _deed("others_create", _registries, _repositories)),
    (1, _deed("others_delete", _registries, _repositories)),
    (3, _deed("others_push", _repositories, st.sampled_from(["1.0", "2.0"]), _flags)),
    (1, _deed("others_untag", _repositories, st.sampled_from(["1.0", "2.0"]))),
    (2, _deed("others_issue", _registries, st.sampled_from([1, 12, 24]))),
    (1, _deed("others_release", _registries)),
    (2, _deed("time_passes", st.sampled_from(_PAUSES))),
)

# --- tasks -----------------------------------------------------------------------------------------------------------

_registry = _weighted(
    (
        6,
        _task(
            "jcr_registry",
            {"name": _registries},
            {"description": _descriptions, "on_drift": _drifts, "validate_names": "server"},
            _faults("createRegistry", "describeRegistry", "describeQuotas"),
        ),
    ),
    (
        1,
        _task(
            "jcr_registry",
            {"name": _registries, "region": "cn-east-2"},
            {"description": _descriptions, "state": st.sampled_from(["present", "absent"])},
        ),
    ),
    (
        3,
        _task(
            "jcr_registry",
            {"name": _registries, "state": "absent", "force": _force},
            {"max_delete": _caps},
            _faults("deleteRegistry", "deleteImage", "deleteRepository", "describeImages", "describeRepositories"),
        ),
    ),
)

_repository_faults = _faults("createRepository", "deleteRepository", "describeRepositories", "describeRegistry")
_repository = _weighted(
    (
        1,
        _task(
            "jcr_repository",
            {"registry": _registries, "name": _repositories},
            {
                "description": _descriptions,
                "on_drift": _drifts,
                "validate_names": "server",
                "state": st.sampled_from(["present", "absent"]),
                "force": _force,
            },
            _repository_faults,
        ),
    ),
    (
        1,
        _task(
            "jcr_repository",
            {"registry": _registries, "repositories": _entries, "concurrency": _workers},
            {"on_drift": _drifts, "force": _force, "state": st.sampled_from(["present", "absent"])},
            _repository_faults,
        ),
    ),
    (
        2,
        _task(
            "jcr_repository",
            {"registry": _registries, "repositories": _few_entries, "concurrency": _workers, "purge": True},
            {
                "on_drift": _drifts,
                "force": _force,
                "purge_patterns": st.sampled_from([["web/*"], ["misc/*", "lint"], ["none*"]]),
                "max_delete": _caps,
                "allow_empty": _flags,
            },
            _repository_faults,
        ),
    ),
)

# A token is issued, the answer is lost, and the listing fails in which it would be found.
_issued_unheard = st.just(
    [
        {"match": {"operation": "getAuthorizationToken", "nth": 1}, "times": 1, "action": "lost_answer"},
        {"match": {"operation": "describeAuthorizationTokens", "nth": 3}, "times": 8, "action": "reset"},
    ]
)
_token_faults = _weighted(
    (4, _faults("getAuthorizationToken", "describeAuthorizationTokens", "describeRegistry")), (1, _issued_unheard)
)
_token = _weighted(
    (
        3,
        _task(
            "jcr_token",
            {"registry": _registries},
            {
                "hours": st.sampled_from([1, 2, 12, 24]),
                "min_remaining": st.sampled_from([0, 30, 59]),
                "on_rate_limit": st.sampled_from(["fail", "reuse", "wait"]),
                "deadline": 8000.0,
                "dest": "token.xlsx",
            },
            _token_faults,
        ),
    ),
    (
        2,
        _task(
            "jcr_token",
            {"registry": _registries, "state": "rotated"},
            {"hours": st.sampled_from([1, 12]), "dest": "token.xlsx"},
            _weighted((2, _faults("releaseAuthorizationToken", "getAuthorizationToken")), (1, _token_faults)),
        ),
    ),
    (
        1,
        _task(
            "jcr_token",
            {"registry": _registries, "state": "absent"},
            {"all": _flags},
            _faults("releaseAuthorizationToken", "describeAuthorizationTokens"),
        ),
    ),
    (1, st.builds(Errand, st.just("ask_often"), st.tuples(_registries))),
    (1, st.builds(Errand, st.just("take_over"), st.tuples(_registries, _places))),
    (1, st.builds(Errand, st.just("release_one"), st.tuples(_registries, _places))),
)

_look = st.one_of(
    _task("jcr_registry_info", {}, {"pattern": ["s*"]}),
    _task(
        "jcr_repository_info",
        {"sort": "name"},
        {
            "registry": _registries,
            "pattern": ["web/*"],
            "name": _few_repositories,
            "limit": st.integers(1, 3),
            "descending": _flags,
        },
    ),
    _task("jcr_image_info", {"registry": _registries}, {"tag_status": st.sampled_from(["tagged", "untagged"])}),
    _task("jcr_token_info", {}, {"held": _flags}),
    _task("jcr_quota_info", {}),
    _task(
        "jcr_preflight",
        {
            "on_failure": "warn",
            "tokens_needed": st.integers(0, 6),
            "registries": st.lists(
                st.fixed_dictionaries({"name": _registries, "repositories": _few_entries}),
                max_size=2,
                unique_by=lambda entry: entry["name"],
            ),
        },
    ),
)

_clock = _deed("our_clock_is_set", st.sampled_from(SKEWS))

happenings = _weighted((8, _repository), (4, _registry), (8, _token), (2, _look), (2, _others), (1, _clock))
