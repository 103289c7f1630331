# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The .xlsx file of a token: text only, private, the same when read back, and never what it is not."""

from __future__ import annotations

import builtins
import datetime
import io
import os
import stat
import zipfile

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.jdcloud.jcr.plugins.module_utils import _xlsx
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import FileError, MissingLibrary
from ansible_collections.jdcloud.jcr.plugins.module_utils._secrets import Secret

FIELDS = {
    "registry": "myregistry",
    "region": "cn-north-1",
    "host": "myregistry-cn-north-1.jcr.service.jdcloud.com",
    "username": "jdcloud",
    "password": Secret("0123456789abcdef"),
    "authorization_token": Secret("amRjbG91ZDowMTIzNDU2Nzg5YWJjZGVm"),
    "expires_at": datetime.datetime(2026, 1, 2, 0, 34, 56, tzinfo=datetime.UTC),
}


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "myregistry-token.xlsx")


def cells(path):
    return [cell for row in openpyxl.load_workbook(path).active.iter_rows() for cell in row]


def test_a_person_finds_every_field(path):
    assert _xlsx.write_token(path, **FIELDS)
    texts = [cell.value for cell in cells(path)]
    assert dict(zip(texts[::2], texts[1::2], strict=True)) == {
        "Registry": "myregistry",
        "Region": "cn-north-1",
        "Registry host": "myregistry-cn-north-1.jcr.service.jdcloud.com",
        "User name": "jdcloud",
        "Password": "0123456789abcdef",
        "Authorization token": "amRjbG91ZDowMTIzNDU2Nzg5YWJjZGVm",
        "Expires at (UTC)": "2026-01-02T00:34:56Z",
    }


def test_what_was_written_is_read_back(path):
    _xlsx.write_token(path, **FIELDS)
    assert _xlsx.read_token(path) == FIELDS


def test_an_unknown_expiry_is_read_back_as_none(path):
    fields = {**FIELDS, "expires_at": None}
    _xlsx.write_token(path, **fields)
    assert _xlsx.read_token(path) == fields
    assert not _xlsx.write_token(path, **fields)


def test_the_same_content_is_not_written_again(path):
    precise = {**FIELDS, "expires_at": FIELDS["expires_at"].replace(microsecond=123456)}
    assert _xlsx.write_token(path, **precise)
    before = os.stat(path)
    assert _xlsx.is_current(path, **precise)
    assert not _xlsx.write_token(path, **precise)
    after = os.stat(path)
    assert (after.st_ino, after.st_mtime_ns, after.st_ctime_ns) == (
        before.st_ino,
        before.st_mtime_ns,
        before.st_ctime_ns,
    )


@pytest.mark.parametrize("field", FIELDS)
def test_another_value_in_any_field_is_a_change(path, field):
    other = {
        **dict.fromkeys(("registry", "region", "host", "username"), "other"),
        **dict.fromkeys(("password", "authorization_token"), Secret("other")),
        "expires_at": FIELDS["expires_at"] + datetime.timedelta(hours=1),
    }
    _xlsx.write_token(path, **FIELDS)
    changed = {**FIELDS, field: other[field]}
    assert not _xlsx.is_current(path, **changed)
    assert _xlsx.write_token(path, **changed)
    assert _xlsx.read_token(path) == changed


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o666])
def test_a_file_that_others_may_read_is_written_again(path, mode):
    _xlsx.write_token(path, **FIELDS)
    os.chmod(path, mode)
    assert not _xlsx.is_current(path, **FIELDS)
    assert _xlsx.write_token(path, **FIELDS)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600


@pytest.mark.parametrize("content", [b"", b"half a file", b"PK\x03\x04 half a zip"])
def test_a_broken_file_is_replaced(path, content):
    with open(path, "wb") as stream:
        stream.write(content)
    assert _xlsx.write_token(path, **FIELDS)
    assert _xlsx.read_token(path) == FIELDS


@pytest.mark.parametrize(
    ("put", "kind"),
    [
        (os.mkdir, "directory"),
        (os.mkfifo, "named pipe"),
        (lambda path: os.symlink("elsewhere.xlsx", path), "symbolic link"),
    ],
)
def test_a_target_that_is_no_file_is_refused(tmp_path, path, put, kind):
    put(path)
    for act in (lambda: _xlsx.write_token(path, **FIELDS), lambda: _xlsx.check_target(path)):
        with pytest.raises(FileError, match=kind) as caught:
            act()
        assert caught.value.cure
    assert not (tmp_path / "elsewhere.xlsx").exists()


def test_a_file_of_the_user_s_is_not_replaced(tmp_path):
    path = tmp_path / "notes.xlsx"
    path.write_text("my notes")
    with pytest.raises(FileError, match="not a file with a token"):
        _xlsx.check_target(str(path))
    assert path.read_text() == "my notes"


def test_a_file_with_a_token_may_be_replaced(path):
    _xlsx.write_token(path, **FIELDS)
    _xlsx.check_target(path)


def test_the_name_says_what_is_in_the_file(tmp_path):
    with pytest.raises(FileError, match="does not end with .xlsx"):
        _xlsx.check_target(str(tmp_path / "token.txt"))


DANGEROUS = ["=1+1", "=HYPERLINK(1)", "+1", "-1", "@SUM(A1)", "#REF!", "12", "1e5", "TRUE", "2026-01-01", " x ", "\tx"]


@pytest.mark.parametrize("value", DANGEROUS)
def test_no_value_becomes_a_formula_or_a_number(path, value):
    fields = {**FIELDS, "host": value, "password": Secret(value)}
    _xlsx.write_token(path, **fields)
    for cell in cells(path):
        assert (cell.data_type, cell.quotePrefix) == ("s", True)
    assert _xlsx.read_token(path) == fields


@settings(max_examples=40, deadline=None)
@given(st.text(min_size=1, max_size=200))
def test_any_text_is_kept_or_refused(tmp_path_factory, text):
    path = str(tmp_path_factory.mktemp("xlsx") / "token.xlsx")
    fields = {**FIELDS, "host": text, "password": Secret(text)}
    try:
        _xlsx.write_token(path, **fields)
    except FileError as error:
        assert "cannot hold" in error.cause
        assert not os.path.exists(path)
    else:
        assert _xlsx.read_token(path) == fields


@pytest.mark.parametrize("value", ["lone \ud800", "nul \0", "bell \7", "return \r", "\ufffe", "x" * 32768])
def test_a_text_that_no_sheet_can_hold_is_refused_without_showing_it(path, value):
    with pytest.raises(FileError) as caught:
        _xlsx.write_token(path, **{**FIELDS, "password": Secret(value)})
    assert "'Password'" in caught.value.message
    assert value not in caught.value.message
    assert not os.path.exists(path)


def save_lines(path, lines):
    workbook = openpyxl.Workbook()
    for line in lines:
        workbook.active.append(line)
    workbook.save(path)


def lines_of(path):
    return [list(row) for row in openpyxl.load_workbook(path).active.iter_rows(values_only=True)]


def test_lines_that_a_person_added_do_not_matter(path):
    _xlsx.write_token(path, **FIELDS)
    ours = lines_of(path)
    save_lines(path, [["My notes", None, 7], [], *reversed(ours), [None, "note"], [5, 6], ["Password", "a second one"]])
    assert _xlsx.read_token(path) == FIELDS


def test_a_file_without_one_of_the_fields_is_refused(path):
    _xlsx.write_token(path, **FIELDS)
    save_lines(path, [line for line in lines_of(path) if line[0] != "Password"])
    with pytest.raises(FileError, match="no line 'Password'"):
        _xlsx.read_token(path)


def zip_bytes(size):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", b"\0" * size)
    return stream.getvalue()


@pytest.mark.parametrize(
    "content", [b"", b"text", zip_bytes(10), zip_bytes(20 * 1024 * 1024)], ids=["empty", "text", "zip", "zip bomb"]
)
def test_what_is_no_workbook_is_refused(path, content):
    with open(path, "wb") as stream:
        stream.write(content)
    with pytest.raises(FileError) as caught:
        _xlsx.read_token(path)
    assert f"Cannot read '{path}': it is not a workbook" in caught.value.message


def test_a_workbook_cut_anywhere_is_refused(path):
    _xlsx.write_token(path, **FIELDS)
    with open(path, "rb") as stream:
        content = stream.read()
    for length in range(0, len(content), len(content) // 20):
        with open(path, "wb") as stream:
            stream.write(content[:length])
        with pytest.raises(FileError):
            _xlsx.read_token(path)


def test_a_missing_file_is_said(path):
    with pytest.raises(FileError, match="no such file"):
        _xlsx.read_token(path)
    assert not _xlsx.is_current(path, **FIELDS)


def test_without_openpyxl_the_library_is_named(path, monkeypatch):
    real_import = builtins.__import__

    def without_openpyxl(name, *rest):
        if name.partition(".")[0] == "openpyxl":
            raise ImportError("No module named 'openpyxl'")
        return real_import(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without_openpyxl)
    for act in (lambda: _xlsx.write_token(path, **FIELDS), lambda: _xlsx.check_target(path)):
        with pytest.raises(MissingLibrary, match="openpyxl") as caught:
            act()
        assert caught.value.cure
    assert not os.path.exists(path)
