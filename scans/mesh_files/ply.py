"""PLY, the polygon file format: text and binary of either byte order."""

from dataclasses import dataclass, field

import numpy as np
from numba import njit

from scans.mesh import Mesh
from scans.mesh_files.malformed import MalformedError
from scans.mesh_files.polygons import checked_faces, fan, list_items
from scans.mesh_files.text import number_table

TYPES = {
    "char": "i1",
    "int8": "i1",
    "uchar": "u1",
    "uint8": "u1",
    "short": "i2",
    "int16": "i2",
    "ushort": "u2",
    "uint16": "u2",
    "int": "i4",
    "int32": "i4",
    "uint": "u4",
    "uint32": "u4",
    "float": "f4",
    "float32": "f4",
    "double": "f8",
    "float64": "f8",
}
BYTE_ORDERS = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}
CORNER_NAMES = ("vertex_indices", "vertex_index")
LABEL_NAMES = ("label", "labels", "fdi")
LONGEST_HEADER = 1 << 16


@dataclass
class Property:
    """One property of an element; `counter` is the type of the length where it is a list."""

    name: str
    type: str
    counter: str | None = None


@dataclass
class Element:
    """A table of the file: so many rows of these properties."""

    name: str
    rows: int
    properties: list[Property] = field(default_factory=list)


@dataclass
class Header:
    """What the header promises; the body starts at byte `size`."""

    byte_order: str
    elements: list[Element]
    size: int


def parse_header(data: bytes) -> Header:
    """The header of a PLY file.

    Raises:
        MalformedError: a line is broken, or the header doesn't end.
    """
    end = data.find(b"end_header", 0, LONGEST_HEADER)
    body = data.find(b"\n", end, end + 16) + 1
    if end < 0 or body == 0:
        raise MalformedError("the PLY header has no end_header line")
    byte_order: str | None = None
    elements: list[Element] = []
    for raw in data[:end].decode("utf-8", "replace").splitlines()[1:]:
        match raw.split():
            case ["format", kind, _] if kind in BYTE_ORDERS:
                byte_order = BYTE_ORDERS[kind]
            case ["element", name, rows] if rows.isascii() and rows.isdigit():
                elements.append(Element(name, int(rows)))
            case ["property", "list", counter, kind, name] if counter in TYPES and kind in TYPES and elements:
                elements[-1].properties.append(Property(name, TYPES[kind], TYPES[counter]))
            case ["property", kind, name] if kind in TYPES and elements:
                elements[-1].properties.append(Property(name, TYPES[kind]))
            case [] | ["comment" | "obj_info", *_]:
                pass
            case _:
                raise MalformedError(f"the PLY header has a line that can't be read: {raw[:60]!r}")
    if byte_order is None:
        raise MalformedError("the PLY header has no format line")
    return Header(byte_order, elements, body)


@njit(cache=True)
def read_integer(body, at, size, signed, big):
    """The integer of `size` items at `at`: bytes of a binary body, or one number of a text body."""
    value = 0
    for k in range(size):
        value = value * 256 + int(body[at + k if big else at + size - 1 - k])
    if signed and value >= 1 << (8 * size - 1):
        value -= 1 << (8 * size)
    return value


@njit(cache=True)
def walk(body, at, rows, sizes, counters, signed, big, wanted):
    """Step through an element's rows.

    Args:
        sizes, counters: (P,) size of each property's value and, for a list, of its length (0: no list).
        signed: (P,) whether the list's length is a signed integer.
        wanted: the list property to note, or −1.

    Returns:
        the position after the element, or −1 where the body ends before; per row the start and length of the list.
    """
    end = len(body)
    starts = np.zeros(rows if wanted >= 0 else 0, np.int64)
    lengths = np.zeros(rows if wanted >= 0 else 0, np.int64)
    for row in range(rows):
        for k in range(len(sizes)):
            length = 1
            if counters[k] > 0:
                if at + counters[k] > end:
                    return -1, starts, lengths
                length = read_integer(body, at, counters[k], signed[k], big)
                at += counters[k]
                if length < 0 or length > (end - at) // sizes[k]:
                    return -1, starts, lengths
            if k == wanted:
                starts[row] = at
                lengths[row] = length
            at += length * sizes[k]
            if at > end:
                return -1, starts, lengths
    return at, starts, lengths


@njit(cache=True)
def gather(body, starts, lengths, size, signed, big):
    """The items of all lists, one after another."""
    items = np.empty(lengths.sum(), np.int64)
    n = 0
    for row in range(len(starts)):
        for k in range(lengths[row]):
            items[n] = read_integer(body, starts[row] + k * size, size, signed, big)
            n += 1
    return items


class Body:
    """The part after the header as one array, bytes or numbers, in which elements are found one after another."""

    def __init__(self, data: bytes, header: Header) -> None:
        self.text = header.byte_order == ""
        self.byte_order = header.byte_order
        self.items = number_table(data, header.size)[0] if self.text else np.frombuffer(data, np.uint8)
        self.at = 0 if self.text else header.size

    def size(self, kind: str) -> int:
        """How many items a value of this type takes."""
        return 1 if self.text else int(kind[1])

    def check_room(self, element: Element) -> None:
        """Refuse a row count that the file has no room for, before anything is allocated for it."""
        least = sum(self.size(p.counter or p.type) for p in element.properties)
        if element.rows * max(least, 1) > len(self.items) - self.at:
            raise MalformedError(f"it is cut short: the PLY header promises {element.rows} rows of {element.name!r}")

    def table(self, element: Element) -> dict[str, np.ndarray]:
        """An element without lists, as columns."""
        self.check_room(element)
        names = [f"{k} {p.name}" for k, p in enumerate(element.properties)]
        if self.text:
            values = self.items[self.at : self.at + element.rows * len(names)].reshape(element.rows, len(names))
            self.at += values.size
            return {p.name: values[:, k] for k, p in enumerate(element.properties)}
        if not names:
            return {}
        row = np.dtype([(name, self.byte_order + p.type) for name, p in zip(names, element.properties, strict=True)])
        records = self.items[self.at : self.at + element.rows * row.itemsize].view(row)
        self.at += element.rows * row.itemsize
        return {p.name: records[name] for name, p in zip(names, element.properties, strict=True)}

    def lists(self, element: Element, wanted: int) -> tuple[np.ndarray, np.ndarray]:
        """Pass over an element; the items of its `wanted` list property, and each list's length (wanted −1: none)."""
        self.check_room(element)
        if any((p.counter or "i")[0] == "f" for p in element.properties):
            raise MalformedError(f"a list of the PLY element {element.name!r} has no whole number as its length")
        big = self.byte_order == ">"
        self.at, starts, lengths = walk(
            self.items,
            self.at,
            element.rows,
            np.array([self.size(p.type) for p in element.properties], np.int64),
            np.array([self.size(p.counter) if p.counter else 0 for p in element.properties], np.int64),
            np.array([not self.text and p.counter is not None and p.counter[0] == "i" for p in element.properties]),
            big,
            wanted,
        )
        if self.at < 0:
            raise MalformedError(f"it is cut short: the rows of {element.name!r} don't all lie in the file")
        if wanted < 0:
            return starts, lengths
        if self.text:
            return list_items(self.items, starts, lengths), lengths
        kind = element.properties[wanted].type
        return gather(self.items, starts, lengths, self.size(kind), kind[0] == "i", big), lengths


def parse_ply(data: bytes) -> Mesh:
    """The triangles of a PLY file, every vertex in the file's order, with its labels where it has any.

    Polygons are cut into fans. Labels are a whole-numbered vertex property named label, labels or fdi.

    Raises:
        MalformedError: the header is broken or promises more than the file holds, or a face refers to no vertex.
    """
    header = parse_header(data)
    body = Body(data, header)
    vertices, labels = np.empty((0, 3)), None
    corners, sizes = np.empty(0, np.int64), np.empty(0, np.int64)
    for element in header.elements:
        is_list = [p.counter is not None for p in element.properties]
        if element.name == "vertex":
            if any(is_list):
                raise MalformedError("its PLY vertices have a list property, which isn't supported")
            columns = body.table(element)
            if not {"x", "y", "z"} <= columns.keys():
                raise MalformedError("its PLY vertices have no x, y and z")
            vertices = np.column_stack([columns[axis] for axis in "xyz"]).astype(np.float64)
            labels = next((columns[name] for name in columns if name.lower() in LABEL_NAMES), None)
        elif element.name == "face":
            at = [k for k, p in enumerate(element.properties) if p.name in CORNER_NAMES and p.counter]
            if not at or element.properties[at[0]].type[0] == "f":
                raise MalformedError("its PLY faces have no whole-numbered list vertex_indices")
            corners, sizes = body.lists(element, at[0])
        elif any(is_list):
            body.lists(element, -1)
        else:
            body.table(element)
    return Mesh(vertices, checked_faces(fan(corners, sizes), len(vertices)), labels)
