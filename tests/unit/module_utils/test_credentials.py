# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where keys, region and endpoint come from, and what is said when they come from nowhere."""

from __future__ import annotations

import os

import pytest

from ansible_collections.jdcloud.jcr.plugins.module_utils._credentials import DEFAULT_ENDPOINT, resolve
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import CredentialsError
from ansible_collections.jdcloud.jcr.plugins.module_utils._secrets import Secret

CONFIG = """\
[default]
access_key = default-ak
secret_key = default-sk
region_id = cn-east-2
endpoint = www.jdcloud-api.com
scheme = https
timeout = 20

[second]
access_key = second-ak
secret_key = 100%%second-sk
region_id = cn-south-1

[half]
access_key = half-ak

[empty]
access_key =
secret_key =

[percent]
access_key = percent-ak
secret_key = canary%Zcanary
"""
OPTION_KEYS = {"access_key": "option-ak", "secret_key": "option-sk"}
ENVIRONMENT_KEYS = {"JDCLOUD_ACCESS_KEY": "env-ak", "JDCLOUD_SECRET_KEY": "env-sk"}


@pytest.fixture
def home(tmp_path):
    """A home without any profile."""
    return tmp_path


@pytest.fixture
def profiled(home):
    """A home with profiles; no profile is marked as the active one."""
    write_config(home, CONFIG)
    return home


def write_config(home, text, current=None):
    directory = home / ".jdc"
    directory.mkdir(exist_ok=True)
    content = text if isinstance(text, bytes) else text.encode()
    (directory / "config").write_bytes(content)
    (directory / "config").chmod(0o600)
    if current is not None:
        (directory / "current").write_text(current)


def account(home, options=None, environ=None):
    return resolve(options or {}, environ or {}, str(home))


def keys(home, options=None, environ=None):
    credential = account(home, options, environ).credential
    return credential.access_key, credential.secret_key.reveal()


# --- the order of places ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "environ", "current", "expected"),
    [
        (OPTION_KEYS, ENVIRONMENT_KEYS, None, "option"),
        ({**OPTION_KEYS, "profile": "second"}, ENVIRONMENT_KEYS, None, "option"),
        ({}, ENVIRONMENT_KEYS, None, "env"),
        ({}, {**ENVIRONMENT_KEYS, "JDCLOUD_PROFILE": "second"}, None, "env"),
        ({"profile": "second"}, ENVIRONMENT_KEYS, None, "second"),
        ({"profile": "second"}, {"JDCLOUD_PROFILE": "default"}, "default", "second"),
        ({}, {"JDCLOUD_PROFILE": "second"}, "default", "second"),
        ({}, {}, "second", "second"),
        ({}, {}, "second\n", "second"),
        ({}, {}, "", "default"),
        ({}, {}, None, "default"),
        ({}, {"JDCLOUD_ACCESS_KEY": "", "JDCLOUD_SECRET_KEY": "", "JDCLOUD_PROFILE": ""}, None, "default"),
    ],
)
def test_which_keys_are_used(home, options, environ, current, expected):
    write_config(home, CONFIG, current)
    secret = "100%second-sk" if expected == "second" else f"{expected}-sk"
    assert keys(home, options, environ) == (f"{expected}-ak", secret)


@pytest.mark.parametrize("names", [["access_key"], ["secret_key"], ["access_key", "secret_key"], ["profile"]])
def test_an_empty_option_is_not_the_account_of_somebody_else(profiled, names):
    """An empty variable of a playbook must not have the task work on the account that the environment names."""
    with pytest.raises(CredentialsError) as caught:
        account(profiled, dict.fromkeys(names, ""), ENVIRONMENT_KEYS)
    assert (caught.value.cause, caught.value.cure[:20]) == (f"the option {names[0]} is empty", "Is a variable empty?")


def test_the_source_is_told_in_words(profiled):
    assert account(profiled, OPTION_KEYS).credential.source == "the options access_key and secret_key"
    assert "JDCLOUD_ACCESS_KEY" in account(profiled, {}, ENVIRONMENT_KEYS).credential.source
    assert "profile 'second'" in account(profiled, {"profile": "second"}).credential.source


@pytest.mark.parametrize(
    ("options", "environ", "expected"),
    [
        ({"region": "cn-east-1"}, {"JDCLOUD_REGION": "cn-north-1"}, "cn-east-1"),
        ({}, {"JDCLOUD_REGION": "cn-north-1"}, "cn-north-1"),
        ({}, {}, "cn-east-2"),
        ({"profile": "second"}, {}, "cn-south-1"),
        ({"profile": "second"}, {"JDCLOUD_REGION": "cn-north-1"}, "cn-south-1"),
        ({"profile": "empty", **OPTION_KEYS}, {"JDCLOUD_REGION": "cn-east-1"}, "cn-east-1"),
        ({}, {"JDCLOUD_PROFILE": "second", "JDCLOUD_REGION": "cn-north-1"}, "cn-north-1"),
        ({"profile": "empty", **OPTION_KEYS}, {}, "cn-north-1"),
    ],
)
def test_which_region_is_used(profiled, options, environ, expected):
    assert account(profiled, options, environ).region == expected


def test_the_region_without_any_hint(home):
    assert account(home, OPTION_KEYS).region == "cn-north-1"


@pytest.mark.parametrize(
    ("options", "environ", "lines", "expected"),
    [
        ({"endpoint": "http://127.0.0.1:1"}, {"JDCLOUD_ENDPOINT": "https://e"}, "", "http://127.0.0.1:1"),
        ({"endpoint": "my.example"}, {}, "", "https://my.example"),
        ({}, {"JDCLOUD_ENDPOINT": "http://127.0.0.1:2"}, "endpoint = containerregistry.x", "http://127.0.0.1:2"),
        ({}, {}, "", DEFAULT_ENDPOINT),
        ({}, {}, "endpoint = www.jdcloud-api.com", DEFAULT_ENDPOINT),
        ({}, {}, "endpoint = https://www.jdcloud-api.com", DEFAULT_ENDPOINT),
        ({}, {}, "endpoint = evil.example/containerregistry.jdcloud-api.com", DEFAULT_ENDPOINT),
        ({}, {}, "endpoint = https://[broken", DEFAULT_ENDPOINT),
        (
            {},
            {},
            "endpoint = containerregistry.internal.cn-north-1.jdcloud-api.com\nscheme = http",
            "https://containerregistry.internal.cn-north-1.jdcloud-api.com",
        ),
        ({}, {}, "endpoint = 127.0.0.1:8080\nscheme = http", "http://127.0.0.1:8080"),
        ({}, {}, "endpoint = 127.0.0.1:8080\nscheme = https", "https://127.0.0.1:8080"),
    ],
)
def test_which_endpoint_is_used(home, options, environ, lines, expected):
    write_config(home, f"[default]\naccess_key = a\nsecret_key = b\n{lines}\n")
    assert account(home, options, environ).endpoint == expected


def test_the_security_token_comes_from_option_or_environment(home):
    options, environ = {**OPTION_KEYS, "security_token": "from-option"}, {"JDCLOUD_SECURITY_TOKEN": "from-env"}
    assert account(home, options, environ).credential.security_token == Secret("from-option")
    assert account(home, OPTION_KEYS, environ).credential.security_token == Secret("from-env")
    assert account(home, OPTION_KEYS).credential.security_token is None


# --- what is refused -------------------------------------------------------------------------------------------------


def refusal(home, options=None, environ=None):
    with pytest.raises(CredentialsError) as caught:
        account(home, options, environ)
    message = caught.value.message
    assert "canary" not in message
    assert caught.value.__cause__ is None
    return message


def test_without_any_key_all_that_was_tried_is_listed(home):
    message = refusal(home)
    for place in (
        "access_key",
        "JDCLOUD_ACCESS_KEY",
        "profile 'default'",
        str(home / ".jdc" / "config"),
        "does not exist",
    ):
        assert place in message
    assert "jdc configure add" in message


@pytest.mark.parametrize(
    ("options", "environ", "names"),
    [
        ({"access_key": "canary"}, ENVIRONMENT_KEYS, ("access_key", "without secret_key")),
        ({"secret_key": "canary"}, ENVIRONMENT_KEYS, ("secret_key", "without access_key")),
        ({}, {"JDCLOUD_ACCESS_KEY": "canary"}, ("JDCLOUD_ACCESS_KEY", "without JDCLOUD_SECRET_KEY")),
        ({}, {"JDCLOUD_SECRET_KEY": "canary"}, ("JDCLOUD_SECRET_KEY", "without JDCLOUD_ACCESS_KEY")),
        ({"profile": "half"}, {}, ("access_key", "without secret_key", "half")),
    ],
)
def test_a_key_without_its_partner_is_refused(profiled, options, environ, names):
    message = refusal(profiled, options, environ)
    for name in names:
        assert name in message


def test_an_unknown_profile_is_refused_with_those_that_exist(profiled):
    for options, environ in (({"profile": "thrid"}, {}), ({}, {"JDCLOUD_PROFILE": "thrid"})):
        message = refusal(profiled, options, environ)
        assert "'thrid'" in message and "default, second" in message


def test_a_named_profile_needs_its_file_even_with_keys_from_options(home):
    assert "does not exist" in refusal(home, {**OPTION_KEYS, "profile": "second"})


def test_an_active_profile_that_is_gone_is_told_with_those_that_exist(home):
    write_config(home, CONFIG, current="gone")
    message = refusal(home)
    assert "'gone'" in message and "no such profile" in message and "default, second" in message


def test_an_empty_profile_has_no_keys(profiled):
    assert "not set" in refusal(profiled, {"profile": "empty"})


def test_a_single_percent_sign_is_told_without_the_value(profiled):
    message = refusal(profiled, {"profile": "percent"})
    assert "'percent'" in message and "has a single % in secret_key" in message and "%%" in message


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("access_key = canary\n", "line 1"),
        ("[default]\naccess_key = a\nsecret-canary\n", "line 3"),
        ("[default]\na = canary\n[default]\na = canary\n", "not an INI file"),
        (b"[default]\naccess_key = \xff\xfecanary\n", "not UTF-8"),
    ],
)
def test_a_broken_file_is_told_by_its_line_only(home, content, words):
    write_config(home, content)
    assert words in refusal(home)


@pytest.mark.parametrize("content", ["access_key = x\n", b"\xff"])
def test_a_broken_file_does_no_harm_when_nothing_is_needed_from_it(home, content):
    write_config(home, content)
    assert keys(home, OPTION_KEYS) == ("option-ak", "option-sk")
    assert account(home, OPTION_KEYS).endpoint == DEFAULT_ENDPOINT


@pytest.mark.parametrize("value", ["canary\n", " canary", "ca nary", "canary\u200b", "\u5b9e"])
@pytest.mark.parametrize("name", ["access_key", "secret_key", "security_token"])
def test_a_key_with_white_space_is_refused(home, name, value):
    assert "white space" in refusal(home, {**OPTION_KEYS, name: value})


def test_a_config_that_is_no_file_is_told(home):
    (home / ".jdc").mkdir()
    os.mkfifo(home / ".jdc" / "config")
    assert "not a regular file" in refusal(home)


# --- files as they are found -----------------------------------------------------------------------------------------


def test_a_file_that_everybody_can_read_gives_a_warning(profiled):
    assert account(profiled).warnings == ()
    (profiled / ".jdc" / "config").chmod(0o644)
    warning = account(profiled).warnings[0]
    assert "chmod 600" in warning and "default-sk" not in warning


def test_a_linked_config_with_a_byte_order_mark_is_read(home, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("dotfiles") / "jdc-config"
    elsewhere.write_bytes(b"\xef\xbb\xbf" + CONFIG.encode())
    (home / ".jdc").mkdir()
    (home / ".jdc" / "config").symlink_to(elsewhere)
    assert keys(home) == ("default-ak", "default-sk")


def test_nothing_of_a_secret_shows_in_an_account(profiled):
    shown = repr(account(profiled, {"security_token": "sts-canary", "profile": "second"}))
    assert "second-ak" in shown
    assert "second-sk" not in shown and "sts-canary" not in shown
