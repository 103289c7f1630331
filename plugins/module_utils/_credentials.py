# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which account, region and endpoint a task speaks for: options, environment, the profiles of the jdc command line.

This module util is private to the collection.

Profiles are what jdc writes: C(~/.jdc/config), an INI file with a section for each profile, and C(~/.jdc/current), the
name of the active one (observed with jdc 1.2.12).
"""

from __future__ import annotations

import os
import re
import stat
import typing as t
import urllib.parse

from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import CredentialsError
from ansible_collections.jdcloud.jcr.plugins.module_utils._given import EMPTY_VARIABLE_CURE
from ansible_collections.jdcloud.jcr.plugins.module_utils._route import is_loopback
from ansible_collections.jdcloud.jcr.plugins.module_utils._secrets import Secret

DEFAULT_ENDPOINT = "https://containerregistry.jdcloud-api.com"
DEFAULT_REGION = "cn-north-1"
DEFAULT_PROFILE = "default"
_SERVICE = "containerregistry."  # what the host of an endpoint for this service begins with
_LARGEST_FILE = 1024 * 1024
_WHO_ASKS = ("access_key", "secret_key", "profile")


class Credential(t.NamedTuple):
    """One access key. C(source) says where it was found, in words."""

    access_key: str
    secret_key: Secret
    security_token: Secret | None
    source: str


class Account(t.NamedTuple):
    """Who asks, where, and through which endpoint; C(warnings) are texts for the user."""

    credential: Credential
    region: str
    endpoint: str
    warnings: tuple[str, ...] = ()


def resolve(options: t.Mapping[str, t.Any], environ: t.Mapping[str, str], home: str) -> Account:
    """The account of a task.

    C(options): access_key, secret_key, security_token, profile, region, endpoint; C(None) means "not given", and so
    does C("") of the environment and of most options. Keys and profile are refused if they are empty: the task would
    work on another account than was meant.
    Each value comes from its option, else from JDCLOUD_<NAME>, else from the profile, else from its default; but what
    a profile says that was named by option comes before the environment. The two keys always come from one place.
    Raises CredentialsError, which lists all that was tried and no value.
    """
    empty = next((name for name in _WHO_ASKS if options.get(name) == ""), None)
    if empty:
        raise CredentialsError(f"the option {empty} is empty", cure=EMPTY_VARIABLE_CURE)
    profiles = _Profiles(home, options.get("profile"), environ.get("JDCLOUD_PROFILE"))

    def setting(name: str, written: str | None = None) -> str | None:
        chosen = written if profiles.by_option else None
        return options.get(name) or chosen or environ.get(f"JDCLOUD_{name.upper()}") or written

    access_key, secret_key, source = _keys(options, environ, profiles)
    security_token = setting("security_token")
    if security_token:
        _check_printable("the security_token", security_token)
    return Account(
        Credential(access_key, Secret(secret_key), Secret(security_token) if security_token else None, source),
        region=setting("region", profiles.get("region_id")) or DEFAULT_REGION,
        endpoint=_with_scheme(setting("endpoint", _endpoint(profiles)) or DEFAULT_ENDPOINT),
        warnings=tuple(profiles.warnings),
    )


def _keys(options: t.Mapping[str, t.Any], environ: t.Mapping[str, str], profiles: _Profiles) -> tuple[str, str, str]:
    """Access key, secret key and where they were found."""
    places = [
        lambda: _pair(options, "access_key", "secret_key", "the options {0} and {1}"),
        lambda: _pair(environ, "JDCLOUD_ACCESS_KEY", "JDCLOUD_SECRET_KEY", "the environment variables {0} and {1}"),
        profiles.keys,
    ]
    if profiles.by_option:
        places[1:] = [profiles.keys]
    tried = []
    for place in places:
        found, told = place()
        if found:
            for name, value in zip(("access key", "secret key"), found):
                _check_printable(f"the {name} of {told}", value)
            return (*found, told)
        tried.append(told)
    raise CredentialsError(
        f"no access key was found; tried {'; '.join(tried)}",
        cure="Set access_key and secret_key, or JDCLOUD_ACCESS_KEY and JDCLOUD_SECRET_KEY, or run 'jdc configure add'.",
    )


def _pair(
    values: t.Mapping[str, t.Any], access_name: str, secret_name: str, words: str
) -> tuple[tuple[str, str] | None, str]:
    """The two keys and where they are, or None and what is missing there; one without the other is refused."""
    access_key, secret_key = values.get(access_name), values.get(secret_name)
    place = words.format(access_name, secret_name)
    if access_key and secret_key:
        return (access_key, secret_key), place
    if access_key or secret_key:
        given, missing = (access_name, secret_name) if access_key else (secret_name, access_name)
        raise CredentialsError(
            f"only {given} is given, without {missing}", cure=f"Give both in one place, here {place}, or neither."
        )
    return None, f"{place} (not set)"


def _check_printable(what: str, value: str) -> None:
    if not re.fullmatch(r"[!-~]+", value):
        raise CredentialsError(
            f"{what} contains white space or characters that no key has",
            cure="Check how it was copied; a line break at its end is the usual reason.",
        )


def _with_scheme(endpoint: str) -> str:
    return endpoint if "://" in endpoint else f"https://{endpoint}"


def _endpoint(profiles: _Profiles) -> str | None:
    """The profile's endpoint with its scheme, if it is for this service: jdc's own default is not."""
    written = profiles.get("endpoint")
    if not written:
        return None
    if "://" not in written:
        scheme = "http" if is_loopback(written) and profiles.get("scheme") == "http" else "https"
        written = f"{scheme}://{written}"
    try:
        host = urllib.parse.urlsplit(written).hostname or ""
    except ValueError:
        return None
    return written if host.startswith(_SERVICE) or is_loopback(written) else None


class _Profiles:
    """The profile that a task uses, and the file it stands in.

    Nothing is an error that the task does not need: a missing or broken file only matters when a profile was named or
    keys are looked for in it.
    """

    def __init__(self, home: str, by_option: str | None, by_environment: str | None) -> None:
        self.by_option = by_option or None
        self.warnings: list[str] = []
        self._directory = os.path.join(home, ".jdc")
        self._path = os.path.join(self._directory, "config")
        self._parser: t.Any = None  # a ConfigParser, once the file has been read
        self._problem = ""
        self._load()
        self.name = self.by_option or by_environment or self._current() or DEFAULT_PROFILE
        if by_option or by_environment:
            self._require(self.name)

    def get(self, key: str) -> str | None:
        """One value of the profile, or None."""
        if self._parser is None or not self._parser.has_section(self.name):
            return None
        from configparser import InterpolationError

        try:
            return self._parser.get(self.name, key, fallback=None) or None
        except InterpolationError:  # its text would quote the value
            raise CredentialsError(
                f"profile '{self.name}' in {self._path} has a single % in {key}",
                cure="In this file a % is written as %%.",
            ) from None

    def keys(self) -> tuple[tuple[str, str] | None, str]:
        """The profile's two keys and where they are, or None and why not."""
        place = f"profile '{self.name}' in {self._path}"
        if self._problem:
            return None, f"{place} ({self._problem})"
        if not self._parser.has_section(self.name):
            return None, f"{place} (no such profile; {self._known()})"
        values = {name: self.get(name) for name in ("access_key", "secret_key")}
        return _pair(values, "access_key", "secret_key", f"{{0}} and {{1}} of {place}")

    def _require(self, name: str) -> None:
        if self._problem:
            raise CredentialsError(
                f"profile '{name}' was asked for, but {self._path} {self._problem}",
                cure="Correct the file, or add the profile with 'jdc configure add', or ask for none.",
            )
        if not self._parser.has_section(name):
            raise CredentialsError(
                f"there is no profile '{name}' in {self._path}; {self._known()}",
                cure="Check the name, or add the profile with 'jdc configure add'.",
            )

    def _known(self) -> str:
        names = ", ".join(self._parser.sections())
        return f"there are: {names}" if names else "there are none"

    def _load(self) -> None:
        try:
            text = _read_text(self._path)
        except OSError as error:
            self._problem = (
                "does not exist" if isinstance(error, FileNotFoundError) else f"is unreadable: {error.strerror}"
            )
        except UnicodeDecodeError:
            self._problem = "is not UTF-8 text"
        else:
            self._parse(text)

    def _parse(self, text: str) -> None:
        import configparser  # where there is such a file

        parser = configparser.ConfigParser()
        try:
            parser.read_string(text)
        except configparser.Error as error:  # its text would quote the line, which may be a key
            faults = [fault[0] for fault in getattr(error, "errors", ())]  # of a ParsingError: line number and text
            line = getattr(error, "lineno", None) or next(iter(faults), None)
            self._problem = "is not an INI file" + (f": see line {line}" if line else "")
        else:
            self._parser = parser
            if os.stat(self._path).st_mode & stat.S_IROTH:
                self.warnings.append(
                    f"{self._path} holds access keys and everybody can read it; run: chmod 600 {self._path}"
                )

    def _current(self) -> str | None:
        """The active profile. jdc writes the name without a line break; one that an editor added does no harm here."""
        try:
            return _read_text(os.path.join(self._directory, "current")).strip() or None
        except (OSError, UnicodeDecodeError):
            return None


def _read_text(path: str) -> str:
    """The text of a small regular file (or a link to one); a FIFO or a device would block."""
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise OSError(0, "not a regular file", path)
    with open(path, "rb") as file:
        return file.read(_LARGEST_FILE).decode("utf-8-sig")
