# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Values of a task's options that Ansible would take, in silence, for something that nobody has written. Pure.

This module util is private to the collection.

Where a text is wanted, Ansible makes one of whatever comes: C(1.10), which is the number 1.1 to YAML, becomes C("1.1"),
and C(on) becomes C("True"). A whole number is taken, because nearly always it reads as it was written. Where a number
is wanted, Python takes C(true) for 1 and C(false) for 0.
"""

from __future__ import annotations

import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import ConfigurationError

Options = t.Mapping[str, t.Mapping[str, t.Any]]

# For an option whose null or empty text means more than was wanted, or something else.
EMPTY_VARIABLE_CURE = "Is a variable empty? Give it a value, or leave the option out, as default(omit) does."

_TEXTS = ("str", "path")
_NUMBERS = ("int", "float")


class _Found(t.NamedTuple):
    """A boolean, or a number with a point, at its place among the options; C(kind) is the type that is wanted there."""

    place: str
    kind: str
    value: bool | float
    silent: bool

    def __str__(self) -> str:
        kind = "boolean" if isinstance(self.value, bool) else "number"
        return f"{self.place} is {f'a {kind}' if self.silent else f'the {kind} {self._as_yaml()}'}"

    def _as_yaml(self) -> str:
        return str(self.value).lower() if isinstance(self.value, bool) else repr(float(self.value))


def refuse_mistakable(options: Options, given: t.Mapping[str, t.Any]) -> None:
    """Raise ConfigurationError for texts that are none any more, and for booleans where a number is wanted.

    C(options) is the argument spec, C(given) the options as the task has them, before Ansible has converted them.
    """
    found = list(_in_options(options, given, ""))
    texts = [str(each) for each in found if each.kind in _TEXTS]
    if texts:
        raise ConfigurationError(
            f"{', '.join(texts)}: YAML dropped what was written", cure='Put it in quotes, as in "1.10" or "on".'
        )
    booleans = [str(each) for each in found if each.kind in _NUMBERS and isinstance(each.value, bool)]
    if booleans:
        raise ConfigurationError(
            f"{', '.join(booleans)}: a number is wanted",
            cure="Give the number that is meant; Ansible would take true for 1, and false for 0.",
        )


def _in_options(options: Options, given: t.Mapping[str, t.Any], place: str) -> t.Iterator[_Found]:
    by_name = {name: option for own, option in options.items() for name in (own, *option.get("aliases", ()))}
    for name, value in given.items():
        if name in by_name:
            yield from _in_value(by_name[name], value, f"{place}{name}")


def _in_value(option: t.Mapping[str, t.Any], value: t.Any, place: str) -> t.Iterator[_Found]:
    kind = option.get("type", "str")
    if kind == "list" and isinstance(value, (list, tuple)):
        for number, entry in enumerate(value):
            yield from _in_value({**option, "type": option.get("elements", "raw")}, entry, f"{place}[{number}]")
    elif kind == "list":
        yield from _in_value({**option, "type": option.get("elements", "raw")}, value, place)
    elif kind == "dict" and isinstance(value, t.Mapping):
        yield from _in_options(option.get("options") or {}, value, f"{place}.")
    elif isinstance(value, (bool, float)):
        yield _Found(place, kind, value, bool(option.get("no_log")))
