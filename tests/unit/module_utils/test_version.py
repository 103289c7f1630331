# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The version that the service sees is the collection's."""

from __future__ import annotations

import pathlib
import re

import yaml

from ansible_collections.jdcloud.jcr.plugins.module_utils._version import COLLECTION_VERSION

GALAXY = pathlib.Path(__file__).resolve().parents[3] / "galaxy.yml"


def test_it_is_the_version_of_galaxy_yml():
    assert yaml.safe_load(GALAXY.read_text(encoding="utf-8"))["version"] == COLLECTION_VERSION


def test_it_is_a_semantic_version():
    assert re.fullmatch(r"[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?", COLLECTION_VERSION)
