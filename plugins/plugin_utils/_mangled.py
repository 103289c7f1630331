# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Texts that were written without quotes, so that YAML has made something else of them. Pure.

This plugin util is private to the collection.

Ansible makes a text again of whatever comes where a text is wanted, and says nothing: C(1.10) becomes C("1.1"), and
C(on) becomes C("True"). A whole number is taken, because nearly always it reads as it was written.
"""

from __future__ import annotations

import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import ConfigurationError

Options = t.Mapping[str, t.Mapping[str, t.Any]]


def refuse_mangled(options: Options, given: t.Mapping[str, t.Any]) -> None:
    """Raise ConfigurationError for each text that is none any more.

    C(options) is the argument spec, C(given) the options as the task has them, before Ansible has converted them.
    """
    found = list(_in_options(options, given, ""))
    if found:
        raise ConfigurationError(
            f"{', '.join(found)}: YAML dropped what was written", cure='Put it in quotes, as in "1.10" or "on".'
        )


def _in_options(options: Options, given: t.Mapping[str, t.Any], place: str) -> t.Iterator[str]:
    by_name = {name: option for own, option in options.items() for name in (own, *option.get("aliases", ()))}
    for name, value in given.items():
        if name in by_name:
            yield from _in_value(by_name[name], value, f"{place}{name}")


def _in_value(option: t.Mapping[str, t.Any], value: t.Any, name: str) -> t.Iterator[str]:
    kind = option.get("type", "str")
    if kind == "list" and isinstance(value, (list, tuple)):
        for number, entry in enumerate(value):
            yield from _in_value({**option, "type": option.get("elements", "raw")}, entry, f"{name}[{number}]")
    elif kind == "list":
        yield from _in_value({**option, "type": option.get("elements", "raw")}, value, name)
    elif kind == "dict" and isinstance(value, t.Mapping):
        yield from _in_options(option.get("options") or {}, value, f"{name}.")
    elif kind in ("str", "path") and isinstance(value, (bool, float)):
        yield f"{name} is {_told(value, silent=bool(option.get('no_log')))}"


def _told(value: bool | float, *, silent: bool) -> str:
    kind, text = ("boolean", str(value).lower()) if isinstance(value, bool) else ("number", repr(float(value)))
    return f"a {kind}" if silent else f"the {kind} {text}"
