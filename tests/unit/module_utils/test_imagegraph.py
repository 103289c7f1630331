# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can go of the images of a repository: nothing that is needed, and nothing twice."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.jdcloud.jcr.plugins.module_utils._imagegraph import ImageGraph


def digest(name):
    return f"sha256:{name.encode().hex():0>64}"


def image(name, *tags, children=(), subject=None, manifest=True):
    document = {"manifests": [{"digest": digest(child)} for child in children]}
    if subject:
        document["subject"] = {"digest": digest(subject)}
    return {"digest": digest(name), "tags": list(tags), "manifest": document if manifest else None}


def about(name, suffix=".sig"):
    return digest(name).replace(":", "-") + suffix


def names(digests):
    return [bytes.fromhex(found[7:]).decode().strip("\0") for found in digests]


def deletion(images, *chosen, tags=None, **options):
    """Waves, tags that are taken off, and what is kept, by name; C(chosen) images go with all tags."""
    graph = ImageGraph(images)
    wanted = {digest(name): graph.images[digest(name)]["tags"] for name in chosen}
    wanted.update({digest(name): found for name, found in (tags or {}).items()})
    found = graph.deletion(wanted, **options)
    untagged = dict(zip(names(found.untagged), found.untagged.values(), strict=True))
    return [names(wave) for wave in found.waves], untagged, names(found.kept)


INDEX = [image("a"), image("i", "1.0", children=["a", "b"]), image("b")]
SIGNED = [image("x", "1.0"), image("s", subject="x")]
COSIGNED = [image("x", "1.0"), image("s", about("x"), about("x", ".att"))]

CASES = {
    "nothing": ([], [], {}, ([], {}, [])),
    "plain": ([image("x", "1.0"), image("y")], ["x"], {}, ([["x"]], {}, [])),
    "an index and its children": (INDEX, ["i"], {}, ([["i"], ["a", "b"]], {}, [])),
    "an index alone": (INDEX, ["i"], {"with_children": False}, ([["i"]], {}, [])),
    "children alone": (INDEX, ["a", "b"], {}, ([], {}, ["a", "b"])),
    "all chosen, children left": (INDEX, ["a", "i"], {"with_children": False}, ([["i"], ["a"]], {}, [])),
    "a child that is spared": (INDEX, ["i"], {"spared": [digest("b")]}, ([["i"], ["a"]], {}, [])),
    "a child with a tag": (
        [image("a", "1.0-amd64"), image("i", "1.0", children=["a"])],
        ["i"],
        {},
        ([["i"]], {}, []),
    ),
    "a child with a tag, chosen": (
        [image("a", "1.0-amd64"), image("i", "1.0", children=["a"])],
        ["a"],
        {},
        ([], {"a": ("1.0-amd64",)}, ["a"]),
    ),
    "a shared child": ([*INDEX, image("j", "2.0", children=["a"])], ["i"], {}, ([["i"], ["b"]], {}, [])),
    "a shared child, both": (
        [*INDEX, image("j", "2.0", children=["a"])],
        ["i", "j"],
        {},
        ([["i", "j"], ["a", "b"]], {}, []),
    ),
    "an index in an index": (
        [image("l"), image("m", children=["l"]), image("o", "1.0", children=["m"])],
        ["o"],
        {},
        ([["o"], ["m"], ["l"]], {}, []),
    ),
    "an inner index": (
        [image("l"), image("m", children=["l"]), image("o", "1.0", children=["m"])],
        ["m", "l"],
        {},
        ([], {}, ["l", "m"]),
    ),
    "a child that is not there": ([image("i", "1.0", children=["gone"])], ["i"], {}, ([["i"]], {}, [])),
    "itself": ([image("i", "1.0", children=["i"])], ["i"], {}, ([["i"]], {}, [])),
    "a circle": ([image("i", children=["j"]), image("j", children=["i"])], ["i"], {}, ([["i", "j"]], {}, [])),
    "a signature with its image": (SIGNED, ["x"], {}, ([["x"], ["s"]], {}, [])),
    "a signature alone": (SIGNED, ["s"], {}, ([], {}, ["s"])),
    "a signature alone, by name": (SIGNED, ["s"], {"by_name": True}, ([["s"]], {}, [])),
    "a signature of what is gone": ([image("s", subject="gone")], ["s"], {}, ([["s"]], {}, [])),
    "a signature by tag with its image": (COSIGNED, ["x"], {}, ([["x"], ["s"]], {}, [])),
    "a signature by tag alone": (COSIGNED, ["s"], {}, ([], {}, ["s"])),
    "a signature with a name of its own": (
        [image("x", "1.0"), image("s", "seal", subject="x")],
        ["x"],
        {},
        ([["x"]], {}, []),
    ),
    "a signature of a child": (
        [*INDEX, image("s", subject="a")],
        ["i"],
        {},
        ([["i"], ["a", "b"], ["s"]], {}, []),
    ),
    "a signature of a child that stays": ([*INDEX, image("s", subject="a")], ["a", "s"], {}, ([], {}, ["a", "s"])),
    "about two images": (
        [image("x", "1.0"), image("y", "2.0"), image("s", about("x"), about("y"))],
        ["x"],
        {},
        ([["x"]], {}, []),
    ),
    "tags about each other": (
        [image("x", about("y")), image("y", about("x"))],
        ["x"],
        {},
        ([["x", "y"]], {}, []),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_can_go(case):
    images, chosen, options, expected = CASES[case]
    waves, untagged, kept = deletion(images, *chosen, **options)
    assert (waves, untagged, sorted(kept)) == expected


def test_some_tags_only():
    images = [image("x", "a", "b"), image("y", "c")]
    assert deletion(images, tags={"x": ["b"], "y": ["c"]}) == ([["y"]], {"x": ("b",)}, [])


def test_why_something_stays():
    graph = ImageGraph([*INDEX, image("x", "2.0"), image("s", subject="x")])
    kept = graph.deletion({digest("a"): [], digest("s"): []}).kept
    assert kept[digest("a")] == f"it is part of {digest('i')} (1.0)"
    assert kept[digest("s")] == f"it is about {digest('x')} (2.0)"


def test_what_has_no_name_of_its_own():
    graph = ImageGraph([*INDEX, *COSIGNED, image("stray"), image("t", "2.0", subject="x")])
    assert names(found for found in graph.images if graph.is_part(found)) == ["a", "b", "s"]


def test_what_cannot_be_read():
    graph = ImageGraph([image("x", manifest=False), image("y", manifest=False), image("z")])
    assert names(graph.unreadable(besides=[digest("y")])) == ["x"]


graphs = st.lists(
    st.tuples(st.sets(st.integers(0, 9), max_size=3), st.none() | st.integers(0, 9), st.booleans(), st.booleans()),
    max_size=10,
)


@settings(derandomize=True, database=None, max_examples=400, deadline=None)
@given(graphs, st.booleans(), st.booleans())
def test_no_image_that_stays_loses_anything(rows, with_children, by_name):
    images = [
        image(
            str(number),
            *([f"v{number}"] if tagged else []),
            children=[str(child) for child in children if child < number],
            subject=None if subject is None or subject >= number else str(subject),
        )
        for number, (children, subject, tagged, _chosen) in enumerate(rows)
    ]
    chosen = {entry["digest"]: entry["tags"] for entry, (*_row, wanted) in zip(images, rows, strict=True) if wanted}
    found = ImageGraph(images).deletion(chosen, with_children=with_children, by_name=by_name)
    going = list(found.images)
    assert len(going) == len(set(going))
    place = {name: number for number, wave in enumerate(found.waves) for name in wave}
    for entry in images:
        for child in entry["manifest"]["manifests"]:
            if entry["digest"] not in place:
                assert child["digest"] not in place
            elif child["digest"] in place:
                assert place[entry["digest"]] < place[child["digest"]]
    assert set(chosen) <= set(going) | set(found.kept)
    assert not set(going) & (set(found.kept) | set(found.untagged))
    # A name that nobody chose never goes.
    assert all(name in chosen for name in going if ImageGraph(images).images[name]["tags"])
    if not with_children:
        assert set(going) <= set(chosen)
