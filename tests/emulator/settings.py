# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every switch of the emulator, in one table: what the documents of the service leave open is decided here.

Set them with ``--set KEY=VALUE`` at the start or with POST /settings while it runs. A default marked "assumption"
fills a gap of the documents; the real service may differ.
"""

from __future__ import annotations

import dataclasses
import re
import typing as t

SwitchValue: t.TypeAlias = str | int | bool | list[str]


class BadSetting(ValueError):
    """A key that is not in the table or a value that the key does not take; the message says which would do."""


@dataclasses.dataclass(frozen=True)
class Switch:
    """One row of the table. The type of the default is the type of the value."""

    key: str
    default: SwitchValue
    meaning: str
    choices: tuple[str, ...] = ()
    pattern: str = ""

    def parse(self, value: object) -> SwitchValue:
        """Bring a JSON value or the text of a command line to the type of this switch, or raise BadSetting."""
        if isinstance(self.default, bool):
            return self._boolean(value)
        if isinstance(self.default, int):
            return self._number(value)
        if isinstance(self.default, list):
            return self._list(value)
        return self._text(value)

    def _boolean(self, value: object) -> bool:
        text = str(value).lower()
        if text not in ("true", "false"):
            raise BadSetting(f"{self.key} is true or false, not {value!r}")
        return text == "true"

    def _number(self, value: object) -> int:
        if isinstance(value, bool) or not re.fullmatch(r"[0-9]{1,15}", str(value)):
            raise BadSetting(f"{self.key} is a whole number, 0 or more, not {value!r}")
        return int(str(value))

    def _list(self, value: object) -> list[str]:
        if isinstance(value, str):
            return [part.strip() for part in value.split(",") if part.strip()]
        if isinstance(value, list) and all(isinstance(part, str) for part in value):
            return list(value)
        raise BadSetting(f"{self.key} is a list of texts (with commas on the command line), not {value!r}")

    def _text(self, value: object) -> str:
        if not isinstance(value, str):
            raise BadSetting(f"{self.key} is a text, not {value!r}")
        if self.choices and value not in self.choices:
            raise BadSetting(f"{self.key} is one of {', '.join(self.choices)}, not {value!r}")
        if self.pattern and not re.fullmatch(self.pattern, value):
            raise BadSetting(f"{self.key} has to match {self.pattern}, which {value!r} does not")
        return value


def _error(situation: str, default: str, when: str) -> Switch:
    return Switch(
        f"error_{situation}",
        default,
        f"HTTP code and status of the answer {when} (assumption)",
        pattern=r"[45][0-9]{2}:[A-Z_]+",
    )


SWITCHES = (
    # Where things are
    Switch(
        "hostnames",
        "loopback",
        "registryUri of a new registry: loopback = 127.0.0.1 with a port of its own; real = "
        "NAME-REGION.jcr.service.jdcloud.com, told apart by the Host header on the main port",
        choices=("loopback", "real"),
    ),
    Switch(
        "regions",
        ["cn-north-1", "cn-east-2", "cn-south-1", "cn-east-1"],
        "regions that exist (assumption: cn-east-1, which only names of hosts tell of)",
    ),
    Switch(
        "unknown_region",
        "refuse",
        "a region that is not in the list: refuse = 404 as the gateway does (assumption); accept = it exists",
        choices=("refuse", "accept"),
    ),
    # Names and limits
    Switch(
        "names",
        "documented",
        "rules for names to create: documented = the console guide (more than 3 characters); "
        "addressable = also short ones, repositories up to 256 characters",
        choices=("documented", "addressable"),
    ),
    Switch("taken_names", [], "registry names that other accounts own; names are unique over all accounts and regions"),
    Switch("registry_quota", 5, "registries that the account may have in one region"),
    Switch("repository_quota", 10000, "repositories that one registry may have"),
    Switch(
        "page_size",
        "refuse",
        "a page size outside 10 to 100: refuse = 400 (assumption); clamp = the nearest legal one",
        choices=("refuse", "clamp"),
    ),
    Switch(
        "calls_per_minute",
        0,
        "calls of the API in any 60 seconds before 429 RATE_LIMIT; 0 = no limit (the general "
        "documented limit is 1000, the one of this service is not published)",
    ),
    # Tokens
    Switch("tokens_per_hour", 5, "tokens that may be issued in any 60 minutes"),
    Switch(
        "token_scope",
        "registry",
        "what the tokens of an hour are counted for (assumption)",
        choices=("registry", "account"),
    ),
    Switch(
        "expires_format",
        "epoch",
        "form of expiresAt: epoch = seconds as a text (assumption), epoch_ms, rfc3339, "
        "local = YYYY-MM-DD HH:MM:SS at UTC+8",
        choices=("epoch", "epoch_ms", "rfc3339", "local"),
    ),
    Switch(
        "time_format",
        "rfc3339",
        "form of all other times (assumption)",
        choices=("rfc3339", "local", "epoch", "epoch_ms"),
    ),
    Switch(
        "list_login_command",
        True,
        "describeAuthorizationTokens gives loginCmdLine (the model has it, the console says it cannot be had again)",
    ),
    Switch(
        "token_filters",
        "ignore",
        "filters and pages of describeAuthorizationTokens: documented as not supported yet",
        choices=("ignore", "honour"),
    ),
    Switch(
        "release_without_choice",
        "all",
        "releaseAuthorizationToken with neither a token nor forceAll true: all = "
        "releases all, as documented; refuse = 400",
        choices=("all", "refuse"),
    ),
    # Who may
    Switch("clock_window", 900, "seconds that x-jdcloud-date may differ from the emulator's clock (assumption)"),
    Switch(
        "nonce_replay",
        "accept",
        "a nonce that was used before within the clock window: refuse = 401",
        choices=("accept", "refuse"),
    ),
    Switch(
        "signed_headers",
        "any",
        "any = what SignedHeaders lists; strict = it has to list x-jdcloud-date and "
        "x-jdcloud-nonce, and x-jdcloud-security-token when that is sent (official Python SDKs fail this)",
        choices=("any", "strict"),
    ),
    Switch(
        "scope_region",
        "same",
        "same = the region in the credential scope has to be the one of the path (assumption)",
        choices=("same", "any"),
    ),
    Switch(
        "mfa", False, "operation protection: deleteRegistry, deleteRepository and deleteImage need a security token"
    ),
    Switch(
        "mfa_tokens",
        [],
        "security tokens that are accepted, plain; they may be sent plain or in base64; with an empty "
        "list every token is accepted",
    ),
    Switch(
        "real_name",
        "verified",
        "missing = the account is not verified: nothing can be created and no token issued",
        choices=("verified", "missing"),
    ),
    Switch("balance", "enough", "low = less than RMB 50: nothing can be created", choices=("enough", "low")),
    # Images and the registry
    Switch("auto_create", False, "a push creates a repository that was not declared (assumption: it does not)"),
    Switch(
        "challenge",
        "bearer",
        "what /v2/ asks for: a bearer token from its own realm, or basic (assumption)",
        choices=("bearer", "basic"),
    ),
    Switch(
        "delete_by_tag",
        "untag",
        "deleteImage by a tag of a digest that has other tags: untag = only the tag goes; "
        "delete_digest = the image goes with all its tags (assumption)",
        choices=("untag", "delete_digest"),
    ),
    Switch("count_head_pulls", False, "a HEAD of a manifest counts as a pull, too (assumption: it does not)"),
    Switch("upload_max_age_hours", 168, "hours after which an upload that was left lying is dropped"),
    Switch("fsync", False, "blobs are forced to the disk before they are acknowledged"),
    # Answers that the documents do not give
    _error("bad_name", "400:INVALID_ARGUMENT", "to a name that breaks a rule"),
    _error("exists", "409:ALREADY_EXISTS", "when a registry or repository exists already"),
    _error("not_found", "404:NOT_FOUND", "when a registry, repository, image or token does not exist"),
    _error("not_empty", "400:FAILED_PRECONDITION", "when a registry has repositories, or a repository images"),
    _error("quota", "429:QUOTA_EXCEEDED", "when a quota of registries or repositories is used up"),
    _error("token_limit", "429:QUOTA_EXCEEDED", "to one token too many within an hour"),
    _error("rate_limit", "429:RATE_LIMIT", "to one call too many within a minute"),
    _error("real_name", "403:HTTP_FORBIDDEN", "when real-name verification is missing"),
    _error("balance", "400:FAILED_PRECONDITION", "when the balance is too low"),
    _error("mfa", "403:HTTP_FORBIDDEN", "when operation protection wants a security token"),
    _error("signature", "401:ACCESS_ERROR", "to a request that is not signed well"),
)


class Settings(t.Mapping[str, t.Any]):
    """The present values of all switches: C(settings["key"])."""

    def __init__(self, start: t.Mapping[str, object] | None = None) -> None:
        """Start with these values on top of the defaults; BadSetting names what is wrong."""
        self._switches = {switch.key: switch for switch in SWITCHES}
        self._values: dict[str, SwitchValue] = {}
        self._start = dict(start or {})
        self.reset()

    def __getitem__(self, key: str) -> t.Any:
        return self._values[key]

    def __iter__(self) -> t.Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def update(self, changes: t.Mapping[str, object]) -> None:
        """Change some switches: all of them, or none when one is wrong."""
        unknown = sorted(set(changes) - set(self._switches))
        if unknown:
            raise BadSetting(f"no setting {', '.join(unknown)}; there are {', '.join(sorted(self._switches))}")
        self._values.update({key: self._switches[key].parse(value) for key, value in changes.items()})

    def reset(self) -> None:
        """Go back to the values of the start."""
        self._values = {switch.key: switch.default for switch in SWITCHES}
        self.update(self._start)


def parse_pairs(pairs: t.Iterable[str]) -> dict[str, str]:
    """Read C(KEY=VALUE) texts of the command line."""
    parsed = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            raise BadSetting(f"a setting is KEY=VALUE, not {pair!r}")
        parsed[key] = value
    return parsed
