"""Case ids from the paths of scans, and paths as one line of text."""

import hashlib
import os
import unicodedata
from pathlib import Path

LONGEST = 120  # bytes of UTF-8; file systems take 255 for a name, and suffixes of ours come behind
HASH = 8  # hex digits
SEPARATOR, MARK = "__", "~"
SYNTHETIC = "SYN"
"""How the ids of generated jaws begin, which by themselves say what jaw it is, at whatever resolution."""


def case_id(path: Path) -> str:
    """The id of the case at `path`, a function of this path alone.

    Folders are joined by two underscores: `P001/UpperJawScan` is `P001__UpperJawScan`. Letters and digits of any script
    stay, in Unicode's NFC, with `-`, `_` and `.` between them. Where anything else had to be replaced or cut off, `~`
    and 8 hex digits of the path's SHA-256 follow, so that other paths have other ids.

    Args:
        path: relative to the folder of all scans, without the file's suffix.

    Returns:
        at most 120 bytes of UTF-8 that are safe as a file name.
    """
    parts = [unicodedata.normalize("NFC", os.fsdecode(part)) for part in path.parts]
    safe = ["".join(char if _stays(char) else "_" for char in part) for part in parts]
    plain = all(part == kept and _plain(part) for part, kept in zip(parts, safe, strict=True))
    joined = SEPARATOR.join(safe)
    if plain and len(joined.encode()) <= LONGEST:
        return joined
    digest = hashlib.sha256("/".join(parts).encode("utf-8", "surrogateescape")).hexdigest()[:HASH]
    room = LONGEST - HASH - len(MARK)
    return f"{joined.encode()[:room].decode(errors='ignore')}{MARK}{digest}"


def _stays(char: str) -> bool:
    return char in "-_." or unicodedata.category(char)[0] in "LMN"


def _plain(part: str) -> bool:
    """Whether the part can be told from its neighbours after joining, and is no special name."""
    return SEPARATOR not in part and part[0] not in "_.-" and part[-1] not in "_."


def readable(path: Path | str) -> str:
    """A path as one line of valid text: line ends, control characters and bytes that are no UTF-8 as escapes."""
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
