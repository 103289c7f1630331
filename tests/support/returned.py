# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What modules document of their return values and attributes, to compare it with what they do."""

from __future__ import annotations

import importlib
import typing as t

import yaml

_PLUGINS = "ansible_collections.jdcloud.jcr.plugins"
# What Ansible itself adds, or documents for all modules.
_OF_ANSIBLE = {
    "ansible_facts", "attempts", "changed", "deprecations", "diff", "failed", "failed_when_result", "invocation", "msg",
    "warnings",
}  # fmt: skip
_KINDS: dict[type, str] = {str: "str", int: "int", float: "float", bool: "bool", list: "list", dict: "dict"}

Docs: t.TypeAlias = t.Mapping[str, t.Mapping[str, t.Any]]


class Documented:
    """What a module documents; and which of the return values have been seen."""

    def __init__(self, name: str) -> None:
        module = importlib.import_module(f"{_PLUGINS}.modules.{name}")
        shared = importlib.import_module(f"{_PLUGINS}.doc_fragments.attributes").ModuleDocFragment.DOCUMENTATION
        own = yaml.safe_load(module.DOCUMENTATION).get("attributes", {})
        self._attributes: Docs = {**yaml.safe_load(shared)["attributes"], **own}
        self._docs: Docs = yaml.safe_load(module.RETURN)
        self._seen: set[str] = set()

    @property
    def attributes(self) -> dict[str, str]:
        """How far the module supports each attribute: full, partial, none or N/A."""
        return {name: attribute["support"] for name, attribute in self._attributes.items()}

    @property
    def names(self) -> list[str]:
        """The return values."""
        return list(self._docs)

    @property
    def unseen(self) -> set[str]:
        """The documented values that no result had yet, other than as null; nested ones as C(outer.inner)."""
        return set(_paths(self._docs)) - self._seen

    def check(self, result: t.Mapping[str, t.Any], where: str) -> None:
        """Fail for a value that is not documented, is of another type, or is missing.

        What is returned on success or always has to be there. Null is only right where the description says so.
        """
        failed = bool(result.get("failed"))
        promised = {"always", "failure" if failed else "success"}
        self._compare({key: result[key] for key in result.keys() - _OF_ANSIBLE}, self._docs, promised, where)

    def _compare(
        self, values: t.Mapping[str, t.Any], docs: Docs, promised: t.Collection[str], where: str, path: str = ""
    ) -> None:
        assert not values.keys() - docs.keys(), f"{where}: not documented: {path}{sorted(values.keys() - docs.keys())}"
        missing = {key for key, doc in docs.items() if doc["returned"] in promised} - values.keys()
        assert not missing, f"{where}: not returned: {path}{sorted(missing)}"
        excluded = {"failure", "success"} - set(promised)
        wrong = {key for key in values if docs[key]["returned"] in excluded}
        assert not wrong, f"{where}: returned, although documented for {excluded}: {path}{sorted(wrong)}"
        for key, value in values.items():
            self._compare_one(value, docs[key], promised, where, path + key)

    def _compare_one(
        self, value: t.Any, doc: t.Mapping[str, t.Any], promised: t.Collection[str], where: str, path: str
    ) -> None:
        if value is None:
            assert "null" in str(doc["description"]).lower(), f"{where}: {path} is null, which is not documented"
            return
        if doc["type"] != "raw":
            assert _KINDS[type(value)] == doc["type"], f"{where}: {path} is {value!r}, documented as {doc['type']}"
        self._seen.add(path)
        entries = value if doc["type"] == "list" else [value]
        if doc["type"] == "list":
            assert {_KINDS[type(entry)] for entry in entries} <= {doc["elements"]}, f"{where}: {path} has {value!r}"
        for entry in entries if "contains" in doc else ():
            self._compare(entry, doc["contains"], promised, where, f"{path}.")


def _paths(docs: Docs, path: str = "") -> t.Iterator[str]:
    for key, doc in docs.items():
        yield path + key
        yield from _paths(doc.get("contains", {}), f"{path}{key}.")
