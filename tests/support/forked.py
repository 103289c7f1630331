# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Does something as a user without rights. Root, who runs the tests where Docker is involved, may do everything."""

from __future__ import annotations

import importlib
import json
import os
import traceback
import typing as t

_NOBODY = 65534
_UTILS = "ansible_collections.jdcloud.jcr.plugins.module_utils"
# What a task imports only when it is needed; the new user may not be able to read the checkout.
_LATE_IMPORTS = (
    f"{_UTILS}._engine",
    f"{_UTILS}._archivecontent",
    f"{_UTILS}._archives",
    f"{_UTILS}._progressfile",
    "openpyxl.styles",
)


def as_nobody(work: t.Callable[[], dict[str, t.Any]]) -> dict[str, t.Any]:
    """What C(work) returns when user nobody does it in a process of its own; anybody but root stays who they are.

    The result has to be JSON.
    """
    for name in _LATE_IMPORTS:
        importlib.import_module(name)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reader)
            with os.fdopen(writer, "w", encoding="utf-8") as answer:
                json.dump(_without_rights(work), answer)
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, encoding="utf-8") as answer:
        result = json.load(answer)
    os.waitpid(child, 0)
    assert "defect" not in result, result["defect"]
    return result


def give_to_nobody(*paths: str) -> None:
    """Make user nobody the owner of these files, where root runs the tests."""
    for path in paths if os.geteuid() == 0 else ():
        os.chown(path, _NOBODY, _NOBODY)


def _without_rights(work: t.Callable[[], dict[str, t.Any]]) -> dict[str, t.Any]:
    try:
        if os.geteuid() == 0:
            os.setgroups([])
            os.setgid(_NOBODY)
            os.setuid(_NOBODY)
        return work()
    except BaseException:
        return {"defect": traceback.format_exc()}
