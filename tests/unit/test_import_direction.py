# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Imports only go down: the layers of plugins/module_utils as data, and who may import what from elsewhere."""

from __future__ import annotations

import ast
import functools
import pathlib
import shutil
import sys
import typing as t

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
COLLECTION = "ansible_collections.jdcloud.jcr"
MODULE_UTILS = f"{COLLECTION}.plugins.module_utils"

# From the top down. A file imports files of lower lines only, none of its own line.
LAYERS = (
    ("_dockerhost",),
    ("_host",),
    (
        "_resource_image",
        "_resource_login",
        "_resource_preflight",
        "_resource_registry",
        "_resource_repository",
        "_resource_token",
        "_on_host",
    ),
    (
        "_resource_image_info",
        "_resource_quota_info",
        "_resource_registry_info",
        "_resource_repository_info",
        "_resource_token_info",
    ),
    ("_resource_info",),
    ("_rotatedtoken", "_pushedimage", "_pulledimage", "_deletedimages"),
    ("_validtoken", "_releasedtokens", "_imageresource", "_presentregistry", "_deletedregistry"),
    ("_registryresource",),
    ("_archivecontent", "_localcontent", "_remotecontent"),
    ("_delivery", "_imageplace"),
    ("_pushprogress",),
    ("_progressfile",),
    ("_checks", "_probe", "_registrylogin"),
    ("_tokensession",),
    ("_session",),
    ("_resource",),
    ("_options",),
    ("_archives",),
    ("_target", "_upload", "_remotesource", "_userlogins"),
    ("_engine",),
    ("_dockerlogin", "_enginetransfer", "_xlsx", "_tokens", "_distribution", "_archive"),
    ("_credentialstore", "_engineclient", "_knowntokens", "_tokenrefusal", "_consolefile", "_dockerarchive"),
    ("_tokencache",),
    ("_blobupload", "_blobreader", "_pushprobe"),
    ("_engineaddress", "_enginefault", "_stream", "_ocilayout", "_content", "_registrycall"),
    ("_folder", "_tarball"),
    ("_filerange",),
    ("_client", "_registryauth"),
    ("_call", "_registryanswers"),
    ("_answers",),
    ("_refusals",),
    ("_credentials",),
    ("_filelock", "_filewriting", "_privatedirectory"),
    ("_transport", "_files", "_asuser", "_configjson"),
    ("_connection", "_tokenstate"),
    ("_transportfault", "_responsehead"),
    ("_route",),
    ("_secrets",),
    ("_deletions",),
    ("_imagechoice", "_purge", "_repositoryreport"),
    ("_declared", "_bulk", "_listing", "_selection", "_imagegraph", "_placeholder", "_tagguards"),
    ("_models", "_plan", "_cascade", "_signing", "_operations", "_retry", "_rules", "_reference", "_clock", "_version"),
    ("_registryhost", "_manifest", "_times", "_candidates", "_imageconfig", "_ledger", "_pattern", "_semver"),
    ("_enginewords", "_layerlog", "_imagewalk"),
    ("_estate", "_preflight", "_manifestreader", "_given"),
    ("_imagesource", "_quantities"),
    ("_errors", "_digest"),
)
LEVEL = {name: -depth for depth, layer in enumerate(LAYERS) for name in layer}

# What a file of module_utils may import beside the standard library and the files below it. _engineclient takes no more
# from these two than the exceptions that the docker SDK lets through.
FOREIGN = {
    "_route": ("certifi",),
    "_engineclient": ("docker", "requests.exceptions", "urllib3.exceptions"),
    "_xlsx": ("openpyxl",),
    "_host": ("ansible.module_utils",),
}
LIBRARIES = ("certifi", "requests", "urllib3", "docker", "openpyxl")
# The parts of the standard library that speak to the network, and who may use them.
NETWORK = ("ftplib", "http", "smtplib", "socket", "socketserver", "ssl", "telnetlib", "urllib.request", "xmlrpc")
ON_THE_NETWORK = (
    "_transport",
    "_connection",
    "_responsehead",
    "_transportfault",
    "_route",
    "_engineclient",
    "_enginefault",
)
# Parts of one file's work: nobody else may reach the network through them.
PARTS = {
    "_connection": ("_transport",),
    "_call": ("_client",),
    "_engineclient": ("_engine", "_enginetransfer"),
    "_enginetransfer": ("_engine",),
}
ANSIBLE_MODULE = "ansible.module_utils.basic"


@functools.cache
def imported_by(source: str, package: str) -> frozenset[str]:
    """The full names of all that a file imports, at its top or anywhere inside; C(package) is where it lives."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            home = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            origin = ".".join([*home, *([node.module] if node.module else [])])
            found.update(f"{origin}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in ("import_module", "__import__", "importorskip") and isinstance(node.args[0].value, str):
                found.add(node.args[0].value)
    return frozenset(found)


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def files(root: pathlib.Path, folder: str) -> t.Iterator[tuple[pathlib.Path, str]]:
    """Python files of a folder with the full names of the packages that they live in."""
    for path in sorted((root / folder).rglob("*.py")):
        yield path, ".".join([COLLECTION, *path.relative_to(root).parent.parts])


def violations(root: pathlib.Path) -> list[str]:
    """Every import under a collection root that goes where it must not."""
    found: list[str] = []
    for path, package in files(root, "plugins"):
        for name in sorted(imported_by(path.read_text(encoding="utf-8"), package)):
            judge = _utility_fault if package == MODULE_UTILS else _plugin_fault
            fault = judge(path.stem, name)
            if fault:
                found.append(f"{path.relative_to(root)} imports {name}: {fault}")
    for path, package in files(root, "tests/emulator"):
        for name in sorted(imported_by(path.read_text(encoding="utf-8"), package)):
            own = within(name, "tests.emulator") or within(name, f"{COLLECTION}.tests.emulator")
            if not own and name.split(".")[0] in ("ansible_collections", "plugins", "tests", "ansible"):
                found.append(f"{path.relative_to(root)} imports {name}: the emulator shares no code with anything")
    return found


def _plugin_fault(_stem: str, name: str) -> str | None:
    """Of modules, action plugins and the like."""
    if within(name, f"{COLLECTION}.plugins.modules"):
        return "nothing imports a module"
    if within(name, ANSIBLE_MODULE):
        return "only _host knows AnsibleModule"
    if name.split(".")[0] in LIBRARIES or any(within(name, part) for part in NETWORK):
        return "libraries and the network are the business of module_utils"
    return None


def _utility_fault(stem: str, name: str) -> str | None:
    if stem not in LEVEL:
        return "this file has no place in LAYERS"
    if within(name, MODULE_UTILS):
        target = name[len(MODULE_UTILS) + 1 :].split(".")[0]
        if target not in LEVEL:
            return "what is imported has no place in LAYERS"
        if stem not in PARTS.get(target, (stem,)):
            return f"it is a part of {PARTS[target][0]}"
        return None if LEVEL[target] < LEVEL[stem] else "imports only go down"
    if stem not in ON_THE_NETWORK and any(within(name, part) for part in NETWORK):
        return "the network is the business of few"
    if name.split(".")[0] in sys.stdlib_module_names:
        return None
    if any(within(name, library) for library in FOREIGN.get(stem, ())):
        return None
    return "only the standard library and lower layers"


def test_imports_only_go_down():
    assert violations(ROOT) == []


def test_every_file_has_one_place():
    names = [name for layer in LAYERS for name in layer]
    assert len(names) == len(set(names))
    present = {path.stem for path in (ROOT / "plugins" / "module_utils").glob("*.py")} - {"__init__"}
    assert present <= set(names)


def test_there_is_something_to_look_at():
    looked_at = [
        path for folder in ("plugins/module_utils", "tests/emulator") for path, _package in files(ROOT, folder)
    ]
    assert len(looked_at) > 20


def carried_by(module: str) -> set[str]:
    """The module utils that Ansible sends to a host together with a module: whatever it imports, however late."""
    found: set[str] = set()
    left = {ROOT / "plugins" / "modules" / f"{module}.py"}
    while left:
        path = left.pop()
        package = f"{COLLECTION}.plugins.{path.parent.name}"
        names = imported_by(path.read_text(encoding="utf-8"), package)
        utilities = {name[len(MODULE_UTILS) + 1 :].split(".")[0] for name in names if within(name, MODULE_UTILS)}
        left |= {path.parents[1] / "module_utils" / f"{name}.py" for name in utilities - found}
        found |= utilities
    return found


ON_DOCKER_HOSTS = ("jcr_image", "jcr_login", "jcr_on_host", "jcr_preflight")
MODULES = sorted(path.stem for path in (ROOT / "plugins" / "modules").glob("jcr_*.py"))


@pytest.mark.parametrize("module", MODULES)
def test_only_modules_for_docker_hosts_carry_what_docker_takes(module):
    parts = {"_dockerhost", "_engine", "_archives", "_userlogins"}
    assert parts & carried_by(module) == (parts if module in ON_DOCKER_HOSTS else set())


# --- proof that it would find one ------------------------------------------------------------------------------------

PLANTED = {
    "plugins/module_utils/_rules.py": [
        f"from {MODULE_UTILS}._client import Client",  # up
        f"from {MODULE_UTILS} import _client",  # up, in the other spelling
        f"import {MODULE_UTILS}._reference",  # sideways
        "from . import _plan",  # sideways, relative
        "from ._transport import Transport",  # up, relative
        "from ..modules import jcr_registry",  # a module
        f"from {COLLECTION}.plugins.modules.jcr_registry import main",
        "import requests",
        "import yaml",
        "from ansible.module_utils.basic import AnsibleModule",
        "import ansible.module_utils.basic",
        "def late():\n    import requests",
        "import importlib\nimportlib.import_module('requests')",
        "__import__('docker')",
        "try:\n    import openpyxl\nexcept ImportError:\n    openpyxl = None",
        f"from {MODULE_UTILS}._unheard_of import x",
    ],
    "plugins/module_utils/_errors.py": [f"from {MODULE_UTILS}._times import parse_time"],
    "plugins/module_utils/_client.py": ["import http.client", "from urllib import request", "import socket as plug"],
    "plugins/module_utils/_transport.py": ["import docker", "import openpyxl", "import requests", "import urllib3"],
    "plugins/module_utils/_connection.py": ["from requests.auth import AuthBase", "import certifi"],
    "plugins/module_utils/_engine.py": ["import docker"],
    "plugins/module_utils/_engineclient.py": ["import requests", "from requests import get"],
    "plugins/module_utils/_xlsx.py": ["import docker"],
    "plugins/module_utils/_credentials.py": [f"from {MODULE_UTILS}._connection import Adapter"],
    "plugins/module_utils/_options.py": ["from ansible.module_utils.basic import env_fallback"],
    "plugins/module_utils/_newcomer.py": ["import json"],
    "plugins/modules/jcr_newcomer.py": [
        f"from {COLLECTION}.plugins.modules.jcr_registry import main",
        "from ansible.module_utils.basic import AnsibleModule",
        "import requests",
        "import docker",
        "import openpyxl",
        "import http.client",
    ],
    "plugins/action/jcr_newcomer.py": [
        f"from {COLLECTION}.plugins.modules import jcr_registry",
        "from ..modules.jcr_registry import main",
        "from openpyxl import Workbook",
    ],
    "tests/emulator/newcomer.py": [
        f"from {MODULE_UTILS} import _rules",
        "from plugins.module_utils import _rules",
        "import ansible_collections.jdcloud.jcr.plugins.module_utils._rules",
        "from tests.support import contract",
        "from ...plugins.module_utils import _rules",
    ],
}
ALLOWED = {
    "plugins/module_utils/_rules.py": [f"from {MODULE_UTILS}._errors import JcrError", "from ._errors import JcrError"],
    "plugins/module_utils/_client.py": [f"from {MODULE_UTILS} import _rules", "import xml.etree.ElementTree"],
    "plugins/module_utils/_connection.py": ["import http.client", "import select"],
    "plugins/module_utils/_route.py": ["import certifi", "import urllib.request"],
    "plugins/module_utils/_engineclient.py": ["import docker", "from requests.exceptions import Timeout"],
    "plugins/module_utils/_host.py": ["from ansible.module_utils.basic import AnsibleModule"],
    "plugins/action/jcr_newcomer.py": ["from ansible.plugins.action import ActionBase"],
    "plugins/modules/jcr_newcomer.py": [f"from {MODULE_UTILS}._host import run_module"],
    "tests/emulator/newcomer.py": ["from tests.emulator import names", "import starlette", "from .names import x"],
}


def pairs(table: dict[str, list[str]]) -> list[tuple[str, str]]:
    return [(path, line) for path, lines in table.items() for line in lines]


@pytest.fixture(scope="module")
def copy(tmp_path_factory) -> pathlib.Path:
    root = tmp_path_factory.mktemp("collection")
    for folder in ("plugins", "tests/emulator"):
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__"))
    return root


def planted(copy: pathlib.Path, path: str, line: str) -> list[str]:
    """The violations that this line adds to a copy when it is put into this file; the copy is put right afterwards."""
    known = violations(copy)
    file = copy / path
    file.parent.mkdir(parents=True, exist_ok=True)
    before = file.read_text(encoding="utf-8") if file.exists() else None
    file.write_text(f"{before or ''}\n{line}\n", encoding="utf-8")
    try:
        return [fault for fault in violations(copy) if fault not in known]
    finally:
        if before is None:
            file.unlink()
        else:
            file.write_text(before, encoding="utf-8")


@pytest.mark.parametrize(("path", "line"), pairs(PLANTED))
def test_a_planted_violation_is_found(copy, path, line):
    found = planted(copy, path, line)
    assert found, "nothing was found"
    assert all(fault.startswith(f"{path} imports ") for fault in found)


@pytest.mark.parametrize(("path", "line"), pairs(ALLOWED))
def test_what_is_allowed_is_not_found(copy, path, line):
    assert planted(copy, path, line) == []
