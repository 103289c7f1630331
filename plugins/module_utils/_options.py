# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options that modules share, in parts; each part has a doc fragment of the same name.

This module util is private to the collection.
"""

from __future__ import annotations

import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import ConfigurationError
from ansible_collections.jdcloud.jcr.plugins.module_utils._given import EMPTY_VARIABLE_CURE, refuse_mistakable
from ansible_collections.jdcloud.jcr.plugins.module_utils._rules import DEFAULT_HOURS


class ArgumentSpec(t.NamedTuple):
    """Options together with the conditions among them, so that neither gets lost when parts are put together.

    C(of_states) says which options belong to some values of C(state) only; the others belong to all. C(narrowing) are
    those without which a task means more: an empty variable must not stand for leaving them out.
    """

    options: t.Mapping[str, t.Mapping[str, t.Any]]
    mutually_exclusive: tuple[tuple[str, ...], ...] = ()
    required_together: tuple[tuple[str, ...], ...] = ()
    required_one_of: tuple[tuple[str, ...], ...] = ()
    required_if: tuple[tuple[t.Any, ...], ...] = ()
    of_states: t.Mapping[str, tuple[str, ...]] = {}
    narrowing: tuple[str, ...] = ()

    def merge(self, *parts: ArgumentSpec) -> ArgumentSpec:
        """This spec with the options and conditions of C(parts) added; a later part wins where names are equal."""
        merged = self
        for part in parts:
            merged = ArgumentSpec(
                options={**merged.options, **part.options},
                mutually_exclusive=merged.mutually_exclusive + part.mutually_exclusive,
                required_together=merged.required_together + part.required_together,
                required_one_of=merged.required_one_of + part.required_one_of,
                required_if=merged.required_if + part.required_if,
                of_states={**merged.of_states, **part.of_states},
                narrowing=merged.narrowing + part.narrowing,
            )
        return merged

    def misplaced(self, params: t.Mapping[str, t.Any]) -> list[str]:
        """Which options are given, but belong to another state than that of C(params).

        An option that stands at its default, or at null, is not given: nobody can tell whether it was written.
        """
        state = params.get("state") or self.options.get("state", {}).get("default")
        return [
            name
            for name, states in self.of_states.items()
            if state not in states and params.get(name) not in (None, self.options[name].get("default"))
        ]

    def check(self, params: t.Mapping[str, t.Any]) -> None:
        """Raise ConfigurationError for what Ansible lets pass: options of another state, null for what is needed."""
        self.refuse_misplaced(params)
        for names in (*self.required_one_of, *self._one_of_by(params)):
            if all(params[name] is None for name in names):
                raise ConfigurationError(
                    f"none of {', '.join(names)} has a value, and one is needed", cure=EMPTY_VARIABLE_CURE
                )

    def _one_of_by(self, params: t.Mapping[str, t.Any]) -> t.Iterator[tuple[str, ...]]:
        """The options of which one is needed because another one has its value."""
        for name, value, names, *any_of in self.required_if:
            if any_of == [True] and params[name] == value:
                yield names

    def check_given(self, given: t.Mapping[str, t.Any]) -> None:
        """Raise ConfigurationError for what nobody can tell any more once Ansible has converted the options.

        C(given) holds what the task gives, as it gives it, and nothing that it leaves out.
        """
        refuse_mistakable(self.options, given)
        self.refuse_null(given)

    def refuse_null(self, given: t.Mapping[str, t.Any]) -> None:
        """Raise ConfigurationError for narrowing options that are null in C(given), as the task names them."""
        null = [name for name in self.narrowing if name in given and given[name] is None]
        if null:
            raise ConfigurationError(f"{', '.join(null)}: null is no value", cure=EMPTY_VARIABLE_CURE)

    def refuse_misplaced(self, params: t.Mapping[str, t.Any]) -> None:
        """Raise ConfigurationError for options that would be passed over in silence."""
        told = [f"no {name} (which goes with {' or '.join(self.of_states[name])})" for name in self.misplaced(params)]
        if told:
            raise ConfigurationError(
                f"state {params['state']} takes {', '.join(told)}",
                cure="Leave out what is of another state, or set the state that was meant.",
            )

    def arguments(self) -> dict[str, t.Any]:
        """Keyword arguments for AnsibleModule and for ArgumentSpecValidator alike."""
        return {
            "argument_spec": {name: dict(option) for name, option in self.options.items()},
            "mutually_exclusive": [list(names) for names in self.mutually_exclusive],
            "required_together": [list(names) for names in self.required_together],
            "required_one_of": [list(names) for names in self.required_one_of],
            "required_if": [list(condition) for condition in self.required_if],
        }


# Environment variables and profiles stand in for these options in _credentials, not as a fallback here: an explicit
# profile must win over an access key in the environment, which a fallback could not know.
CONNECTION = ArgumentSpec(
    options={
        "access_key": {"type": "str", "no_log": False},
        "secret_key": {"type": "str", "no_log": True},
        "security_token": {"type": "str", "no_log": True},
        "profile": {"type": "str"},
        "region": {"type": "str", "aliases": ["region_id"]},
        "endpoint": {"type": "str"},
        "validate_certs": {"type": "bool", "default": True},
        "ca_path": {"type": "path"},
        "timeout": {"type": "float", "default": 20.0},
        "deadline": {"type": "float"},
        "retries": {"type": "int", "default": 5},
        "allowed_registry_hosts": {"type": "list", "elements": "str", "default": []},
    },
)

STATE = ArgumentSpec(options={"state": {"type": "str", "choices": ["present", "absent"], "default": "present"}})

DRIFT = ArgumentSpec(options={"on_drift": {"type": "str", "choices": ["warn", "fail", "ignore"], "default": "warn"}})

NAMES = ArgumentSpec(
    options={"validate_names": {"type": "str", "choices": ["documented", "server"], "default": "documented"}},
)

TOKEN = ArgumentSpec(
    options={
        "hours": {"type": "int", "default": DEFAULT_HOURS},
        "min_remaining": {"type": "int", "default": 30},
        "on_rate_limit": {"type": "str", "choices": ["reuse", "wait", "fail"], "default": "fail"},
        "cache": {"type": "path"},
    },
)

DOCKER = ArgumentSpec(
    options={
        "docker_host": {"type": "str"},
        "tls": {"type": "bool", "default": False},
        "tls_verify": {"type": "bool", "default": False},
        "tls_ca_path": {"type": "path"},
        "tls_client_cert": {"type": "path"},
        "tls_client_key": {"type": "path"},
        "docker_timeout": {"type": "float", "default": 60.0},
        "idle_timeout": {"type": "float", "default": 300.0},
        "allow_insecure_docker_host": {"type": "bool", "default": False},
    },
    required_together=(("tls_client_cert", "tls_client_key"),),
)

SELECTION = ArgumentSpec(
    options={
        "pattern": {"type": "list", "elements": "str"},
        "regex": {"type": "list", "elements": "str"},
        "exclude": {"type": "list", "elements": "str"},
        "older_than": {"type": "str"},
        "newer_than": {"type": "str"},
        "larger_than": {"type": "str"},
        "smaller_than": {"type": "str"},
    },
)

IMAGE_SELECTION = ArgumentSpec(
    options={
        "tag_status": {"type": "str", "choices": ["tagged", "untagged"]},
        "semver": {"type": "str"},
        "pulled_before": {"type": "str"},
        "never_pulled": {"type": "bool"},
    },
)

ORDER = ArgumentSpec(
    options={
        "descending": {"type": "bool", "default": False},
        "limit": {"type": "int"},
    },
)
