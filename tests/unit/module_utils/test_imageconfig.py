# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the config of an image tells, whoever wrote it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import NotFound
from ansible_collections.jdcloud.jcr.plugins.module_utils._imageconfig import MAX_CONFIG, read_config

few = settings(derandomize=True, database=None, max_examples=200, deadline=None)

DIGEST = "sha256:" + "a" * 64
CONFIG = {
    "created": "2026-01-01T12:34:56Z",
    "author": "the shop",
    "os": "linux",
    "architecture": "arm64",
    "variant": "v8",
    "config": {
        "Labels": {"org.opencontainers.image.version": "1.0", "odd": 7},
        "Env": ["PATH=/bin", "MODE=a=b", "nothing", 7],
        "Entrypoint": ["/web"],
        "Cmd": ["--port", "80"],
        "User": "65534",
        "WorkingDir": "/srv",
        "ExposedPorts": {"80/tcp": {}, "443/tcp": {}},
        "Volumes": {"/data": {}},
    },
    "rootfs": {"type": "layers", "diff_ids": [DIGEST]},
    "history": [
        {"created": "2026-01-01T12:34:56Z", "created_by": "COPY web /", "comment": "buildkit"},
        {"created_by": "ENTRYPOINT", "empty_layer": True},
        "odd",
    ],
}
NOTHING = {
    "created": None,
    "author": None,
    "platform": None,
    "labels": {},
    "env": {},
    "entrypoint": [],
    "cmd": [],
    "user": None,
    "working_dir": None,
    "exposed_ports": [],
    "volumes": [],
    "history": [],
}


def read(content: bytes):
    return read_config({DIGEST: content}.__getitem__, DIGEST)


def test_a_config():
    step = {"created": None, "created_by": None, "comment": None, "empty_layer": False}
    assert read(json.dumps(CONFIG).encode()) == {
        "created": "2026-01-01T12:34:56Z",
        "author": "the shop",
        "platform": "linux/arm64/v8",
        "labels": {"org.opencontainers.image.version": "1.0"},
        "env": {"PATH": "/bin", "MODE": "a=b"},
        "entrypoint": ["/web"],
        "cmd": ["--port", "80"],
        "user": "65534",
        "working_dir": "/srv",
        "exposed_ports": ["443/tcp", "80/tcp"],
        "volumes": ["/data"],
        "history": [
            {**step, "created": "2026-01-01T12:34:56Z", "created_by": "COPY web /", "comment": "buildkit"},
            {**step, "created_by": "ENTRYPOINT", "empty_layer": True},
        ],
    }


@pytest.mark.parametrize("content", [b"{}", b'{"config": null}', b'{"config": [], "os": "linux", "history": {}}'])
def test_a_config_that_says_nothing(content):
    assert read(content) == NOTHING


@pytest.mark.parametrize(
    "content", [b"", b"no JSON", b"[]", b"7", b"\xff\xfe", b"[" * 100000, b" " * MAX_CONFIG + b"{}"], ids=len
)
def test_what_is_no_config(content):
    assert read(content) is None


def test_an_index_has_none_and_nothing_is_fetched():
    assert read_config({}.__getitem__, None) is None


def test_what_fetching_raises_goes_through():
    def fetch(_digest):
        raise NotFound("there is no such blob")

    with pytest.raises(NotFound):
        read_config(fetch, DIGEST)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["Env", "Labels", "os", "x"]), inner),
    max_leaves=8,
)


@few
@given(st.dictionaries(st.sampled_from([*CONFIG, "x"]), values))
def test_any_document_is_read_without_an_error(document):
    assert read(json.dumps(document).encode()).keys() == NOTHING.keys()
