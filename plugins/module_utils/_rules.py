# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What names, descriptions, tags, digests, regions and hours may be. Pure; checked before anything is sent.

This module util is private to the collection.

There are two tiers. *Documented* rules (…_to_create) are the console guide's rules for new registries and repositories,
narrowed to what Docker clients can push to. *Addressable* rules are for what exists already: only as strict as it takes
to put the name into a path or a host safely, so that an old registry with a short name stays manageable.

Every check returns the value it was given and raises RuleError otherwise; the error names the value, the rule and,
where it can, a corrected value that passes.
"""

from __future__ import annotations

import re
import typing as t
import unicodedata

from ansible_collections.jdcloud.jcr.plugins.module_utils._digest import is_digest
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import RuleError
from ansible_collections.jdcloud.jcr.plugins.module_utils._quantities import counted

# From the console guide ("Creation of Docker Image"); "more than 3 characters" is at least 4.
REGIONS = ("cn-north-1", "cn-east-2", "cn-south-1")
MAX_DESCRIPTION = 256
MIN_HOURS, MAX_HOURS, DEFAULT_HOURS = 1, 24, 12

_SHOWN_LENGTH = 80  # of a refused value in a message
_MAX_TAG = 128  # Docker's reference grammar
_REGION = re.compile(r"[a-z]{2}-[a-z]+-[0-9]+")
_MAX_REGION = 24  # with a registry of 32 characters and "-inner", the 63 that one label of a host name may have
_TAG_LETTERS = "A-Za-z0-9_.-"  # the inside of a regular expression's character class
_TAG = re.compile(f"[A-Za-z0-9_][{_TAG_LETTERS}]*")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
# Of the separators within one stage of a name, Docker's reference grammar knows '_', '__' and any number of '-'.
_SEPARATORS = re.compile(r"[_-]+")
_PUSHABLE_SEPARATOR = re.compile(r"_{1,2}|-+")


class _Grammar(t.NamedTuple):
    """One tier of the rules of one kind of name."""

    what: str
    rule: str
    shortest: int
    longest: int
    separators: str  # what may stand between letters and digits
    stages: bool = False
    pushable: bool = False

    @property
    def allowed(self) -> str:
        """The inside of a regular expression's character class."""
        return "a-z0-9" + re.escape(self.separators)


_EDGES = "starting and ending with a letter or digit"
_NEW_REGISTRY = _Grammar(
    "registry name",
    f"The name of a new registry has 4 to 32 characters of a-z, 0-9 and '-', {_EDGES}.",
    shortest=4,
    longest=32,
    separators="-",
)
# Every document agrees on the 32; not on the minimum.
_ANY_REGISTRY = _Grammar(
    "registry name",
    f"The name of a registry has at most 32 characters of a-z, 0-9 and '-', {_EDGES}.",
    shortest=1,
    longest=32,
    separators="-",
)
_NEW_REPOSITORY = _Grammar(
    "repository name",
    "The name of a new repository has 4 to 255 characters; its stages, separated by '/', consist of "
    f"a-z, 0-9, '-' and '_', {_EDGES}, with '_', '__' or any number of '-' between them.",
    shortest=4,
    longest=255,
    separators="-_",
    stages=True,
    pushable=True,
)
# The API pages say 256 in total, and name no minimum.
_ANY_REPOSITORY = _Grammar(
    "repository name",
    "The name of a repository has at most 256 characters; its stages, separated by '/', consist of "
    f"a-z, 0-9, '-' and '_', {_EDGES}.",
    shortest=1,
    longest=256,
    separators="-_",
    stages=True,
)


def registry_name_to_create(name: str) -> str:
    """Check the name of a new registry by the documented rule."""
    return _check_name(name, _NEW_REGISTRY)


def repository_name_to_create(name: str) -> str:
    """Check the name of a new repository by the documented rule, and that Docker clients can push to it.

    The documented rule also allows names such as C(a___b) and C(a-_b), which Docker's reference grammar refuses. A
    repository's name cannot be changed later, so one that nobody could use is refused before it is made.
    """
    return _check_name(name, _NEW_REPOSITORY)


def registry_name(name: str) -> str:
    """Check that a registry that may exist can be addressed by this name."""
    return _check_name(name, _ANY_REGISTRY)


def repository_name(name: str) -> str:
    """Check that a repository that may exist can be addressed by this name."""
    return _check_name(name, _ANY_REPOSITORY)


def description(text: str | None) -> str | None:
    """Check a description; None stands for an option that was left out.

    The documented limit is taken to count characters, not bytes.
    """
    if text is None:
        return None
    _refuse_other_types("description", text, "A description is a text.")
    if _SURROGATE.search(text):
        raise RuleError(f"description {_shown(text)} is not valid Unicode", cure="Write it as UTF-8 text.")
    if len(text) > MAX_DESCRIPTION:
        raise RuleError(
            f"description {_shown(text)} has {counted(len(text), 'character')}",
            cure=f"A description has at most {MAX_DESCRIPTION} characters, and cannot be altered later: shorten it.",
        )
    return text


def token_hours(value: int) -> int:
    """Check a token's hours of validity: an integer, neither a boolean nor a text nor a float that looks like one."""
    cure = f"A token lives {MIN_HOURS} to {MAX_HOURS} hours, as a whole number; {DEFAULT_HOURS} is the default."
    if isinstance(value, bool) or not isinstance(value, int):
        raise RuleError(f"hours is {_shown(value)}, which is not a whole number but {_type(value)}", cure=cure)
    if not MIN_HOURS <= value <= MAX_HOURS:
        raise RuleError(f"hours is {_shown(value)}, which is out of range", cure=cure)
    return value


def region(name: str) -> str | None:
    """Check a region's id; the answer is a warning for a region that the container registry's documents do not name.

    The list of regions is not closed: public files use registry hosts in regions that no document mentions.
    """
    known = f"The documented regions are {', '.join(REGIONS)}."
    _refuse_other_types("region", name, known)
    if name in REGIONS:
        return None
    import difflib  # slow to load, and few tasks need it

    likely = difflib.get_close_matches(_plain(name).lower()[:_MAX_REGION], REGIONS, n=1)
    if len(name) > _MAX_REGION or not _REGION.fullmatch(name):
        raise RuleError(f"region {_shown(name)} is not of the form cn-north-1", cure=_advice(known, likely))
    return _advice(f"Region {_shown(name)} is not a documented region of the container registry. {known}", likely)


def tag(text: str) -> str:
    """Check an image's tag by Docker's reference grammar."""
    cure = f"A tag has 1 to {_MAX_TAG} characters of A-Z, a-z, 0-9, '_', '.' and '-', but neither '.' nor '-' in front."
    _refuse_other_types("tag", text, cure)
    if len(text) > _MAX_TAG or not _TAG.fullmatch(text):
        plain = _plain(text)
        corrected = re.sub(f"[^{_TAG_LETTERS}]+", "-", plain).strip(".-")[:_MAX_TAG]
        obvious = corrected and not _loses_letters(plain, _TAG_LETTERS)
        raise RuleError(f"tag {_shown(text)} is not a tag", cure=_advice(cure, [corrected] if obvious else []))
    return text


def digest(text: str) -> str:
    """Check a manifest's digest. The service's digests are SHA-256 (API page of describeImages)."""
    cure = "A digest is 'sha256:' followed by 64 digits of 0-9 and a-f."
    _refuse_other_types("digest", text, cure)
    if not is_digest(text):
        corrected = text[:_SHOWN_LENGTH].strip().lower()
        good = is_digest(corrected)
        raise RuleError(f"digest {_shown(text)} is not a digest", cure=_advice(cure, [corrected] if good else []))
    return text


# --- how names are checked and corrected -----------------------------------------------------------------------------


def _check_name(name: str, grammar: _Grammar) -> str:
    _refuse_other_types(grammar.what, name, grammar.rule)
    fault = _fault(name, grammar)
    if fault:
        corrected = _corrected(name, grammar)
        cure = _advice(grammar.rule, [corrected] if corrected else [])
        raise RuleError(f"{grammar.what} {_shown(name)} {fault}", cure=cure)
    return name


def _fault(name: str, grammar: _Grammar) -> str | None:
    """What is wrong with a name, as the end of a sentence; None if it is right."""
    if not name:
        return "is empty"
    if len(name) > grammar.longest:
        return f"has {counted(len(name), 'character')}, which is more than {grammar.longest}"
    for stage in name.split("/") if grammar.stages else [name]:
        fault = _stage_fault(stage, grammar)
        if fault:
            return fault
    if len(name) < grammar.shortest:
        return f"has {counted(len(name), 'character')}, which is fewer than {grammar.shortest}"
    return None


def _stage_fault(stage: str, grammar: _Grammar) -> str | None:
    if not stage:
        return "has an empty stage: a '/' at the beginning, at the end, or next to another"
    foreign = re.search(f"[^{grammar.allowed}]", stage)
    if foreign:
        return f"contains {foreign.group()!r}"
    if stage[0] in grammar.separators:
        return f"has {stage[0]!r} at the beginning" + (" of a stage" if grammar.stages else "")
    if stage[-1] in grammar.separators:
        return f"has {stage[-1]!r} at the end" + (" of a stage" if grammar.stages else "")
    for found in _SEPARATORS.finditer(stage) if grammar.pushable else ():
        if not _PUSHABLE_SEPARATOR.fullmatch(found.group()):
            return f"contains {found.group()!r}, so that no Docker client can push to it"
    return None


def _corrected(name: str, grammar: _Grammar) -> str | None:
    """A name like this one that passes the rule, or None if there is no obvious one."""
    plain = _plain(name).lower()
    if _loses_letters(plain, grammar.allowed):
        return None
    stages = [_corrected_stage(stage, grammar) for stage in (plain.split("/") if grammar.stages else [plain])]
    corrected = "/".join(stage for stage in stages if stage)[: grammar.longest].rstrip("/" + grammar.separators)
    return corrected if _fault(corrected, grammar) is None else None


def _corrected_stage(stage: str, grammar: _Grammar) -> str:
    stage = re.sub(f"[^{grammar.allowed}]+", "-", stage)
    if grammar.pushable:
        stage = _SEPARATORS.sub(lambda run: run[0] if _PUSHABLE_SEPARATOR.fullmatch(run[0]) else "-", stage)
    return stage.strip(grammar.separators)


def _loses_letters(text: str, allowed: str) -> bool:
    """Whether letters or digits would have to go: what is left of a word without them is no obvious name."""
    return any(character.isalnum() for character in re.findall(f"[^{allowed}]", text))


def _plain(text: str) -> str:
    """The beginning of a text without surrounding blanks, with full-width and similar letters as plain ones."""
    return unicodedata.normalize("NFKC", text.strip()[:1024])


def _advice(rule: str, corrected: t.Sequence[str]) -> str:
    return f"{rule} Did you mean {corrected[0]!r}?" if corrected else rule


def _refuse_other_types(what: str, value: object, cure: str) -> None:
    if not isinstance(value, str):
        raise RuleError(f"{what} {_shown(value)} is not a text but {_type(value)}", cure=cure)


def _type(value: object) -> str:
    return "null" if value is None else f"of type {type(value).__name__}"


def _shown(value: object) -> str:
    """The value as a message shows it: quoted, and not longer than 80 characters."""
    if isinstance(value, int) and value.bit_length() > 256:
        return f"a number of {value.bit_length()} bits"  # Python refuses to print numbers of thousands of digits
    text = repr(str(value) if isinstance(value, str) else value)
    return text if len(text) <= _SHOWN_LENGTH else text[: _SHOWN_LENGTH - 3] + "..."
