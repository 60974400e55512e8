"""Reading the rows of a damaged SQLite file without SQLite. Pure: bytes in, rows out.

SQLite refuses a file as a whole when one page of it is torn. The rows of a table lie in its leaf pages, and a leaf page
can be read by itself; so every page that looks like one is read, and what comes out is judged by its own checksum
(io/outbox_file.py). What is lost is what stood on the damaged pages. Format: sqlite.org/fileformat2.html, sections
1.2 to 1.6 (file and b-tree pages), 2.1 (records), 4.1 (write-ahead log).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from struct import Struct
from typing import Final, Protocol

MAGIC: Final = b"SQLite format 3\x00"
DEFAULT_PAGE_BYTES: Final = 4096
_LEAF_TABLE: Final = 0x0D
_WAL_MAGICS: Final = (0x377F0682, 0x377F0683)
_WAL_HEADER: Final = Struct(">8I")
_FRAME_HEADER: Final = Struct(">6I")
_LEAF_HEADER: Final = Struct(">BHHHB")
_U16: Final = Struct(">H")
_U32: Final = Struct(">I")
_F64: Final = Struct(">d")
_INT_BYTES: Final = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}
_COLUMNS_MAX: Final = 64

Value = int | float | str | bytes | None


class Buffer(Protocol):
    """Bytes or a memory map."""

    def __len__(self) -> int: ...
    def __getitem__(self, part: slice, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Cell:
    """One row of some table."""

    rowid: int
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Frame:
    """One page image in the write-ahead log. ``is_commit``: it ends a transaction."""

    page: int
    is_commit: bool
    data: bytes


class DamagedPageError(ValueError):
    """A page or cell that can't be what it should be."""


def page_bytes_of(image: Buffer) -> int:
    """Page size by the file's header; the usual one when the header is garbage."""
    head = image[0:100]
    if len(head) < 100 or head[:16] != MAGIC:
        return DEFAULT_PAGE_BYTES
    size: int = _U16.unpack_from(head, 16)[0]
    size = 65_536 if size == 1 else size
    return size if 512 <= size <= 65_536 and size & (size - 1) == 0 else DEFAULT_PAGE_BYTES


def wal_frames(wal: bytes) -> list[Frame]:
    """Whole frames of the log's present generation, in order, without judging their checksums."""
    if len(wal) < _WAL_HEADER.size:
        return []
    magic, _, page_bytes, _, salt1, salt2, _, _ = _WAL_HEADER.unpack_from(wal, 0)
    if magic not in _WAL_MAGICS or not 512 <= page_bytes <= 65_536:
        return []
    frames: list[Frame] = []
    at = _WAL_HEADER.size
    while at + _FRAME_HEADER.size + page_bytes <= len(wal):
        page, size_after, frame_salt1, frame_salt2, _, _ = _FRAME_HEADER.unpack_from(wal, at)
        start = at + _FRAME_HEADER.size
        if (frame_salt1, frame_salt2) == (salt1, salt2) and page > 0:
            frames.append(Frame(page, size_after > 0, wal[start : start + page_bytes]))
        at = start + page_bytes
    return frames


class PageSource:
    """The pages of a file as its log changed them. ``newer``: page number → image that stands in for the file's."""

    def __init__(self, image: Buffer, newer: Mapping[int, bytes] | None = None) -> None:
        self.page_bytes = page_bytes_of(image)
        self._image = image
        self._newer = dict(newer or {})
        self.count = max([-(-len(image) // self.page_bytes), *self._newer])

    def page(self, number: int) -> bytes:
        """One page, counted from 1; short or empty where the file ends."""
        if number in self._newer:
            return self._newer[number]
        start = (number - 1) * self.page_bytes
        return self._image[start : start + self.page_bytes]

    def free_pages(self) -> set[int]:
        """Pages that hold nothing any more, as far as the chain of them can be followed."""
        free: set[int] = set()
        head = self.page(1)
        if len(head) < 100 or head[:16] != MAGIC:
            return free
        trunk: int = _U32.unpack_from(head, 32)[0]
        while 0 < trunk <= self.count and trunk not in free:
            free.add(trunk)
            page = self.page(trunk)
            if len(page) < self.page_bytes:
                break
            following, count = Struct(">II").unpack_from(page, 0)
            if count > (self.page_bytes - 8) // 4:
                break
            free.update(Struct(f">{count}I").unpack_from(page, 8))
            trunk = following
        return free

    def cells(self) -> Iterator[Cell]:
        """Every readable row of every table, page by page."""
        free = self.free_pages()
        for number in range(1, self.count + 1):
            if number not in free:
                yield from self.cells_of(self.page(number), header_at=100 if number == 1 else 0)

    def cells_of(self, page: bytes, header_at: int = 0) -> Iterator[Cell]:
        """Rows of one leaf page; none when it is no leaf page, those that can be read when it is torn."""
        if len(page) < header_at + 8 or page[header_at] != _LEAF_TABLE:
            return
        _, _, count, _, _ = _LEAF_HEADER.unpack_from(page, header_at)
        for index in range(min(count, (len(page) - header_at - 8) // 2)):
            (at,) = _U16.unpack_from(page, header_at + 8 + 2 * index)
            try:
                yield self._cell(page, at)
            except (DamagedPageError, UnicodeDecodeError):
                continue

    def _cell(self, page: bytes, at: int) -> Cell:
        length, at = _varint(page, at)
        rowid, at = _varint(page, at)
        rowid = rowid - (1 << 64) if rowid >> 63 else rowid
        usable = self.page_bytes
        if length > len(self._image) + sum(map(len, self._newer.values())):
            raise DamagedPageError(f"a row of {length} bytes is longer than the file")
        if length <= usable - 35:
            return Cell(rowid, _record(_cut(page, at, length)))
        least = (usable - 12) * 32 // 255 - 23
        local = least + (length - least) % (usable - 4)
        local = least if local > usable - 35 else local
        payload = bytearray(_cut(page, at, local))
        (following,) = _U32.unpack(_cut(page, at + local, 4))
        while len(payload) < length:
            if not 0 < following <= self.count:
                raise DamagedPageError(f"page {following} of a long row does not exist")
            rest = self.page(following)
            (following,) = _U32.unpack(_cut(rest, 0, 4))
            payload += _cut(rest, 4, min(usable - 4, length - len(payload)))
        return Cell(rowid, _record(bytes(payload)))


def _cut(data: bytes, at: int, length: int) -> bytes:
    part = data[at : at + length]
    if at < 0 or len(part) != length:
        raise DamagedPageError(f"want {length} bytes at {at}, the page ends earlier")
    return part


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for index in range(9):
        if at + index >= len(data):
            raise DamagedPageError("a number runs over the end")
        byte = data[at + index]
        if index == 8:
            return value << 8 | byte, at + 9
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + index + 1
    raise AssertionError("a number has at most nine bytes")


def _record(payload: bytes) -> tuple[Value, ...]:
    header_bytes, at = _varint(payload, 0)
    if header_bytes > len(payload):
        raise DamagedPageError("a record's header is longer than the record")
    values: list[Value] = []
    body = header_bytes
    while at < header_bytes:
        kind, at = _varint(payload, at)
        value, body = _value(payload, kind, body)
        values.append(value)
        if len(values) > _COLUMNS_MAX:
            raise DamagedPageError("too many columns")
    return tuple(values)


def _value(payload: bytes, kind: int, at: int) -> tuple[Value, int]:
    if kind == 0:
        return None, at
    if kind in _INT_BYTES:
        size = _INT_BYTES[kind]
        return int.from_bytes(_cut(payload, at, size), "big", signed=True), at + size
    if kind == 7:
        return float(_F64.unpack(_cut(payload, at, 8))[0]), at + 8
    if kind in (8, 9):
        return kind - 8, at
    if kind < 12:
        raise DamagedPageError(f"serial type {kind} does not exist")
    size = (kind - 12) // 2
    part = _cut(payload, at, size)
    return (part.decode() if kind % 2 else part), at + size
