# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which of many objects a task is about: by name or tag, version, age, size and pulls; in which order, and how many.

This module util is private to the collection.

Pure, and the same for all kinds of objects: the objects are dictionaries, a Shape says which of their fields means
what, and the options are those of _options.SELECTION, IMAGE_SELECTION and ORDER. An option that is left out, or that a
module does not have, asks for nothing. What the service does not tell of an object never meets an option that asks for
it, so that nothing is chosen for want of knowledge.
"""

from __future__ import annotations

import datetime
import typing as t

from ansible_collections.jdcloud.jcr.plugins.module_utils import _pattern, _quantities
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import RuleError
from ansible_collections.jdcloud.jcr.plugins.module_utils._times import parse_time

# Imported where a task asks for versions.
if t.TYPE_CHECKING:
    from ansible_collections.jdcloud.jcr.plugins.module_utils._semver import Version

Model = t.Mapping[str, t.Any]
Test = t.Callable[[Model, datetime.datetime], bool]
LabelTest = t.Callable[[str], bool]

VERSION = "version"  # what sort calls the version in an object's labels


class Shape(t.NamedTuple):
    """What the fields of one kind of objects mean.

    C(labels): the field with its name, or with all its tags; C(exact): the option that lists labels as they are.
    C(moment): when it came to be, a time as _models gives it. C(size): how large it is, C(unit) bytes each.
    C(home): the fields that say what it belongs to. C(order): the usual order, (field, descending) each.
    """

    labels: str
    exact: str
    moment: str
    size: str
    unit: int
    home: tuple[str, ...]
    order: tuple[tuple[str, bool], ...]


IMAGES = Shape(
    labels="tags",
    exact="tag",
    moment="pushed_at",
    size="size",
    unit=1,
    home=("registry", "repository"),
    order=(("pushed_at", True), ("repository", False), ("digest", False)),
)


class Selection:
    """The choice that a task's options make among objects of one shape.

    Making it checks the options: RuleError for one that cannot be understood, or where no object can meet all of them;
    ConfigurationError for a number of objects below 1.
    """

    def __init__(self, params: t.Mapping[str, t.Any], shape: Shape) -> None:
        self._shape = shape
        self._label_tests = _label_tests(params, shape)
        self._excluded = _pattern.globs("exclude", params.get("exclude") or ())
        self._tests = [*_age_tests(params, shape), *_size_tests(params, shape), *_image_tests(params, shape)]
        self._newest = _quantities.at_least(1, "newest", params.get("newest"))
        self._limit = _quantities.at_least(1, "limit", params.get("limit"))
        self._sort: str | None = params.get("sort")
        self._descending = bool(params.get("descending"))
        if self._descending and self._sort is None:
            raise RuleError("descending is set, but sort is not", cure="Say with sort what to order by.")
        if params.get("tag_status") == "untagged" and self._label_tests:
            raise RuleError("tag_status asks for images without a tag, and another option for certain tags", cure=_ONE)

    def choose(self, models: t.Iterable[Model], now: datetime.datetime) -> tuple[list[Model], int]:
        """The objects that meet all options, in order and not more than the limit; and how many met them in all."""
        chosen = [model for model in models if self.selects(model, now)]
        if self._newest is not None:
            chosen = self._of_newest_versions(chosen, self._newest)
        for field, descending in reversed(self._shape.order):
            chosen = _ordered(chosen, lambda model, field=field: model.get(field), descending)
        if self._sort is not None:
            chosen = _ordered(chosen, self._sort_key, self._descending)
        return chosen[: self._limit], len(chosen)

    @property
    def is_about_labels(self) -> bool:
        """Whether an option asks for certain labels."""
        return bool(self._label_tests)

    def excludes(self, model: Model) -> bool:
        """Whether an object must not be chosen, whatever else it is."""
        return any(self._excluded(label) for label in self._all_labels(model))

    def selects(self, model: Model, now: datetime.datetime) -> bool:
        """Whether an object meets all options that look at it alone."""
        if self.excludes(model):
            return False
        if self._label_tests and not self.labels(model):
            return False
        return all(test(model, now) for test in self._tests)

    def labels(self, model: Model) -> list[str]:
        """Those labels of an object that meet all options for labels."""
        return [label for label in self._all_labels(model) if all(test(label) for test in self._label_tests)]

    def _all_labels(self, model: Model) -> t.Sequence[str]:
        labels = model.get(self._shape.labels) or ()
        return (labels,) if isinstance(labels, str) else labels

    def _version(self, model: Model) -> Version | None:
        """The highest version among the labels that meet the options."""
        from ansible_collections.jdcloud.jcr.plugins.module_utils._semver import Version

        return max(filter(None, map(Version.parse, self.labels(model))), default=None)

    def _sort_key(self, model: Model) -> t.Any:
        return self._version(model) if self._sort == VERSION else model.get(self._sort or "")

    def _of_newest_versions(self, models: list[Model], count: int) -> list[Model]:
        """The objects whose version is among the highest C(count) of where they belong."""
        versions: dict[tuple[t.Any, ...], set[Version]] = {}
        for model in models:
            versions.setdefault(self._home(model), set()).add(t.cast("Version", self._version(model)))
        newest = {home: frozenset(sorted(found)[-count:]) for home, found in versions.items()}
        return [model for model in models if self._version(model) in newest[self._home(model)]]

    def _home(self, model: Model) -> tuple[t.Any, ...]:
        return tuple(model.get(field) for field in self._shape.home)


_ONE = "Leave one of them out."


def never_pulled(model: Model) -> bool:
    """Whether an image was never pulled, as far as the service tells."""
    return not model.get("pulls") and model.get("last_pull_at") is None


def _label_tests(params: t.Mapping[str, t.Any], shape: Shape) -> list[LabelTest]:
    tests: list[LabelTest] = []
    if params.get(shape.exact) is not None:
        tests.append(frozenset(params[shape.exact]).__contains__)
    if params.get("pattern") is not None:
        tests.append(_pattern.globs("pattern", params["pattern"]))
    if params.get("regex") is not None:
        tests.append(_pattern.regexes("regex", params["regex"]))
    if params.get("semver") is not None or params.get("newest") is not None:
        tests.append(_version_test(params.get("semver")))
    return tests


def _version_test(wanted: str | None) -> LabelTest:
    """Whether a label is a version of the wanted range; without one, of any release."""
    from ansible_collections.jdcloud.jcr.plugins.module_utils._semver import RELEASES, Range, Version

    versions = RELEASES if wanted is None else Range.parse("semver", wanted)

    def is_among(label: str) -> bool:
        version = Version.parse(label)
        return version is not None and version in versions

    return is_among


def _age_tests(params: t.Mapping[str, t.Any], shape: Shape) -> list[Test]:
    older, newer = _read(params, "older_than", _quantities.age), _read(params, "newer_than", _quantities.age)
    if older is not None and newer is not None and older >= newer:
        raise _contradiction(params, "older_than", "newer_than")
    tests: list[Test] = []
    if older is not None:
        tests.append(lambda model, now: _age(model, shape.moment, now, datetime.timedelta.min) > older)
    if newer is not None:
        tests.append(lambda model, now: _age(model, shape.moment, now, datetime.timedelta.max) < newer)
    return tests


def _age(model: Model, field: str, now: datetime.datetime, unknown: datetime.timedelta) -> datetime.timedelta:
    """How long ago the time in a field was; C(unknown) where there is none."""
    moment = parse_time(model.get(field))
    return unknown if moment is None else now - moment


def _size_tests(params: t.Mapping[str, t.Any], shape: Shape) -> list[Test]:
    larger, smaller = _read(params, "larger_than", _quantities.size), _read(params, "smaller_than", _quantities.size)
    if larger is not None and smaller is not None and larger >= smaller:
        raise _contradiction(params, "larger_than", "smaller_than")
    tests: list[Test] = []
    if larger is not None:
        tests.append(lambda model, now: _size(model, shape, -1) > larger)
    if smaller is not None:
        tests.append(lambda model, now: _size(model, shape, smaller) < smaller)
    return tests


def _size(model: Model, shape: Shape, unknown: float) -> float:
    """Bytes of an object; C(unknown) where the service does not tell."""
    size = model.get(shape.size)
    return unknown if size is None else size * shape.unit


def _image_tests(params: t.Mapping[str, t.Any], shape: Shape) -> list[Test]:
    tests: list[Test] = []
    if params.get("tag_status") is not None:
        tests.append(lambda model, now: bool(model[shape.labels]) is (params["tag_status"] == "tagged"))
    if params.get("never_pulled") is not None:
        tests.append(lambda model, now: never_pulled(model) is params["never_pulled"])
    idle = _read(params, "pulled_before", _quantities.age)
    if idle is not None:

        def is_idle(model: Model, now: datetime.datetime) -> bool:
            field = shape.moment if never_pulled(model) else "last_pull_at"
            return _age(model, field, now, datetime.timedelta.min) > idle

        tests.append(is_idle)
    return tests


def _read(params: t.Mapping[str, t.Any], option: str, parse: t.Callable[[str, str], t.Any]) -> t.Any:
    value = params.get(option)
    return None if value is None else parse(option, value)


def _contradiction(params: t.Mapping[str, t.Any], above: str, below: str) -> RuleError:
    return RuleError(
        f"{above} is {params[above]} and {below} is {params[below]}: nothing can be both",
        cure=f"Make {below} more than {above}, or leave one of them out.",
    )


def _ordered(models: list[Model], key: t.Callable[[Model], t.Any], descending: bool) -> list[Model]:
    """The objects by a key, those without one at the end; what is equal stays in its order."""
    keyed = [model for model in models if key(model) is not None]
    rest = [model for model in models if key(model) is None]
    return [*sorted(keyed, key=key, reverse=descending), *rest]
