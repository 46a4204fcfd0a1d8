"""Files as chance damages them."""

import numpy as np

WORDS = [
    b"nan",
    b"1e999",
    b"-1",
    b"0",
    b"999999999999",
    b"\0",
    b"\xff",
    b"\n",
    b" ",
    b"\\\n",
    b"#",
    b'"',
    b"/",
    b".",
    b"1" * 400,
]
NUMBERS = [0, 1, 0x7F, 0xFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x7F800000, 0x7FC00000]


def mutated(data: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    """The file with one to three changes, many of them near its beginning, where sizes stand; sometimes cut."""
    result = bytearray(data)
    for _ in range(rng.integers(1, 4)):
        near = rng.random() < 0.4
        at = int(rng.integers(min(len(result), 1500) if near else len(result))) if result else 0
        word = WORDS[rng.integers(len(WORDS))]
        match rng.integers(9):
            case 0:
                result[at : at + 1] = bytes([rng.integers(256)])
            case 1:
                result[at:at] = word
            case 2:
                result[at : at + len(word)] = word
            case 3:
                del result[at : at + int(rng.integers(1, 40))]
            case 4:
                result[at : at + 4] = int(NUMBERS[rng.integers(len(NUMBERS))]).to_bytes(4, "little")
            case 5:
                digits = [k for k in range(at, min(at + 200, len(result))) if 48 <= result[k] <= 57]
                if digits:  # a number grows, or changes
                    result[digits[0] : digits[0] + int(rng.integers(2))] = str(rng.integers(10**6)).encode()
            case 6:
                chunk = result[at : at + int(rng.integers(1, 2000))]
                result[at:at] = chunk
            case 7:
                start = int(rng.integers(len(other)))
                chunk = other[start : start + int(rng.integers(1, 500))]
                result[at : at + len(chunk)] = chunk
            case _:
                result[at : at + 8] = rng.bytes(8)
    return bytes(result[: int(rng.integers(len(result) + 1))] if rng.random() < 0.1 else result)
