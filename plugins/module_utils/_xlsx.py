# Copyright (c) 2026, the jdcloud.jcr contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A token in a spreadsheet, as the console's "Download .xlsx File" gives it: C(REGISTRY-token.xlsx).

This module util is private to the collection.

The sheet has a line for each field: its name in column A, its value in column B. Every cell is text with the quote
prefix, so that no program takes a value for a formula. openpyxl's own save() would follow links and publish the file
with the bits the umask leaves (measured, openpyxl 3.1.5), so the file is made in memory and written by _filewriting.
"""

from __future__ import annotations

import datetime
import io
import os
import re
import types
import typing as t
import zipfile

from ansible_collections.jdcloud.jcr.plugins.module_utils import _files, _filewriting
from ansible_collections.jdcloud.jcr.plugins.module_utils._consolefile import FoundToken, find_token
from ansible_collections.jdcloud.jcr.plugins.module_utils._errors import FileError, MissingLibrary
from ansible_collections.jdcloud.jcr.plugins.module_utils._secrets import Secret
from ansible_collections.jdcloud.jcr.plugins.module_utils._times import format_time, parse_time

_LABELS = {
    "registry": "Registry",
    "region": "Region",
    "host": "Registry host",
    "username": "User name",
    "password": "Password",
    "authorization_token": "Authorization token",
    "expires_at": "Expires at (UTC)",
}
_SECRET_FIELDS = ("password", "authorization_token")
_UNKNOWN = "unknown"
_SHEET = "Token"
_LONGEST_CELL = 32767  # openpyxl cuts a longer text without a word (measured)
_MAX_FILE_SIZE = 1024 * 1024
_MAX_UNPACKED_SIZE = 16 * 1024 * 1024
_MAX_PARTS = 100
_MAX_SHEETS = 5
_MAX_LINES = 200
_MAX_COLUMNS = 30
_WIDE_XML = (b"\xff\xfe", b"\xfe\xff", b"<\0", b"\0<")  # UTF-16 and UTF-32, which no spreadsheet program writes
_COMPOUND_FILE = bytes.fromhex("d0cf11e0a1b11ae1")  # how an .xls file begins, and a workbook with a password
# What XML 1.0 can hold, without CR, which it turns into LF: no other control characters, no lone surrogates.
_CELL_TEXT = re.compile("[\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]*")
SUFFIX = ".xlsx"
_OTHER_NAME = f"Name a directory, or a file ending with {SUFFIX} that does not exist yet."
_NOT_OURS = "Name a file that jcr_token or the console wrote."


def write_token(
    path: str,
    *,
    registry: str,
    region: str,
    host: str,
    username: str,
    password: Secret,
    authorization_token: Secret,
    expires_at: datetime.datetime | None,
) -> bool:
    """Make the .xlsx file at path hold this token, with mode 0600; returns whether the file changed.

    A file of the same content is left as it is, unless others may read it.
    Raises FileError (a link, a directory, not writable, a value no sheet can hold) and MissingLibrary.
    """
    fields = {
        "registry": registry,
        "region": region,
        "host": host,
        "username": username,
        "password": password,
        "authorization_token": authorization_token,
        "expires_at": expires_at,
    }
    if is_current(path, **fields):
        return False
    try:
        content = _workbook_bytes(fields)
    except FileError as error:
        error.about("write", f"'{path}'")
        raise
    _filewriting.write_private(path, content)
    return True


def is_current(path: str, **fields: t.Any) -> bool:
    """Whether write_token(path, **fields) would leave the file as it is: same content, and private."""
    if not _files.is_private(path):
        return False
    try:
        present = read_token(path)
    except FileError:
        return False
    wanted = dict(fields)
    if wanted["expires_at"] is not None:  # the sheet holds whole seconds
        wanted["expires_at"] = parse_time(format_time(wanted["expires_at"]))
    return present == wanted


def check_target(path: str) -> None:
    """Raise the FileError or MissingLibrary that write_token(path, ...) would raise, as far as it can be foreseen.

    A token that cannot be written down should not be issued; and a file of the user's that is something else should not
    be replaced by one.
    """
    _openpyxl()
    _filewriting.check_target(path)
    if not path.endswith(SUFFIX):
        raise FileError(f"its name does not end with {SUFFIX}", act="write", obj=f"'{path}'", cure=_OTHER_NAME)
    if os.path.exists(path):
        try:
            read_token(path)
        except FileError as error:
            cause = f"it is there, and is not a file with a token ({error.cause})"
            raise FileError(cause, act="write", obj=f"'{path}'", cure=_OTHER_NAME) from error


def read_token(path: str) -> dict[str, t.Any]:
    """The fields of a file that write_token() wrote: its keyword arguments, with the secrets as Secret.

    Lines that a person added are ignored; of two lines for one field the first counts. expires_at is None when unknown.
    Raises FileError when there is no such file, it is no workbook, or a field is missing; and MissingLibrary.
    """
    obj = f"'{path}'"
    texts: dict[str, str] = {}
    for label, value in (line[:2] for line in _read(path, 1)):
        if isinstance(label, str):
            texts.setdefault(label, "" if value is None else str(value))
    missing = [label for label in _LABELS.values() if label not in texts]
    if missing:
        raise FileError(f"it has no line '{missing[0]}'", act="read", obj=obj, cure=_NOT_OURS)
    fields: dict[str, t.Any] = {field: texts[label] for field, label in _LABELS.items()}
    fields.update({field: Secret(fields[field]) for field in _SECRET_FIELDS})
    fields["expires_at"] = parse_time(fields["expires_at"])
    return fields


def read_console_token(path: str) -> FoundToken:
    """The one token in a file that the console or write_token() wrote, wherever it stands in it.

    Raises FileError, without a value of the file in it, and MissingLibrary.
    """
    try:
        return find_token(cell for line in _read(path, _MAX_SHEETS) for cell in line if isinstance(cell, str))
    except FileError as error:
        error.about("read", f"'{path}'")
        raise


def _read(path: str, sheets: int) -> list[tuple[t.Any, ...]]:
    """The lines of a workbook's first sheets, each of two columns at least; raises FileError and MissingLibrary."""
    content = _files.read_bytes(path, _MAX_FILE_SIZE)
    obj = f"'{path}'"
    if content is None:
        raise FileError("there is no such file", act="read", obj=obj, cure="Correct the path.")
    library = _openpyxl()
    if content.startswith(_COMPOUND_FILE):
        cause = "it is not a workbook that can be read: it has a password, or it is of the old format .xls"
        raise FileError(cause, act="read", obj=obj, cure="Save it as .xlsx without a password.")
    try:
        _check_parts(content)
        workbook = library.load_workbook(io.BytesIO(content), read_only=True)
        area = {"max_row": _MAX_LINES, "min_col": 1, "max_col": _MAX_COLUMNS, "values_only": True}
        return [line for sheet in workbook.worksheets[:sheets] for line in sheet.iter_rows(**area)]
    except Exception as error:  # whatever zipfile, the XML parser and openpyxl raise for a broken file
        raise FileError("it is not a workbook that can be read", act="read", obj=obj, cure=_NOT_OURS) from error


def _check_parts(content: bytes) -> None:
    """Raise ValueError, or whatever zipfile raises, for what an XML parser should not be given."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = archive.infolist()
        if len(parts) > _MAX_PARTS or sum(part.file_size for part in parts) > _MAX_UNPACKED_SIZE:
            raise ValueError("too large when unpacked")
        for part in parts:
            data = archive.read(part)
            # A document type can define entities that grow without end; no spreadsheet program writes one.
            if b"<!DOCTYPE" in data or data.startswith(_WIDE_XML):
                raise ValueError("a document type, or another encoding that could hide one")


def _workbook_bytes(fields: t.Mapping[str, t.Any]) -> bytes:
    library = _openpyxl()
    workbook = library.Workbook()
    workbook.properties.creator = "jdcloud.jcr"
    sheet = workbook.active
    sheet.title = _SHEET
    sheet.column_dimensions["A"].width = 24
    sheet.column_dimensions["B"].width = 64
    for line, (field, label) in enumerate(_LABELS.items(), start=1):
        _put_text(sheet.cell(line, 1), label, label)
        sheet.cell(line, 1).font = library.styles.Font(bold=True)
        _put_text(sheet.cell(line, 2), _text(fields[field]), label)
    stream = io.BytesIO()
    workbook.save(stream)
    return stream.getvalue()


def _put_text(cell: t.Any, text: str, label: str) -> None:
    """Put text into the cell as text, whatever it looks like."""
    if len(text) > _LONGEST_CELL or not _CELL_TEXT.fullmatch(text):
        raise FileError(
            f"the value of '{label}' is too long for a cell or holds a character that a spreadsheet cannot hold",
            cure="Log in with jcr_login instead of a file.",
        )
    cell.value = text
    cell.data_type = "s"
    cell.quotePrefix = True


def _text(value: t.Any) -> str:
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, datetime.datetime):
        return format_time(value)
    return _UNKNOWN if value is None else value


def _openpyxl() -> types.ModuleType:
    """openpyxl, imported when first used: it takes longer to load than all the rest of a task."""
    try:
        import openpyxl
        import openpyxl.styles
    except ImportError as error:
        raise MissingLibrary(
            "the Python library openpyxl is not installed where the task runs",
            cure="Install openpyxl there, or leave out the .xlsx file.",
        ) from error
    return openpyxl
