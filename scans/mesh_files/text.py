"""Numbers in text at compiled speed, each exactly what Python's `float()` makes of it."""

import re

import numpy as np
from numba import njit
from numba.extending import register_jitable

from scans.mesh_files.parsed import MalformedError

NEWLINE, CARRIAGE_RETURN, SPACE, HASH, BACKSLASH = 10, 13, 32, 35, 92
PLUS, MINUS, DOT, ZERO, NINE = 43, 45, 46, 48, 57
UPPER_E, LOWER_E = 69, 101


def byte_set(content: bytes) -> np.ndarray:
    """Whether each of the 256 bytes is one of these."""
    return np.isin(np.arange(256), np.frombuffer(content, np.uint8))


BLANK = byte_set(b" \t\v\f")
LINE_END = byte_set(b"\r\n#")  # a comment ends what a parser sees of a line
TOKEN_END = byte_set(b" \t\v\f\r\n#\\")
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
MARK_0, MARK_1, MARK_2 = BYTE_ORDER_MARK

# Powers of ten up to 10^22 are doubles without error.
POWERS_OF_TEN = np.array([float(f"1e{k}") for k in range(23)])
EXACT_MANTISSA = 1 << 53
FAST_DIGITS = 18  # 10^18 still fits an int64
SPLITTER = float((1 << 27) + 1)

NUMBER = re.compile(rb"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(nan|inf|infinity)", re.IGNORECASE)
# As C and C++ programs write NaN and infinity: -1.#IND00, 1.#QNAN, 1.#INF, rounded to 1.#R or 1.#J, and -nan(ind).
NO_NUMBER = re.compile(rb"[+-]?\d\.#[A-Z]+\d*|[+-]?nan\(\w*\)|[+-]?\xe2\x88\x9e", re.IGNORECASE)


@register_jitable
def doubled(array):
    """A copy of the (N, ...) array with room for 2N rows."""
    return np.concatenate((array, np.empty_like(array)))


@njit(cache=True)
def skip_blanks(data, i, end):
    """The position of the next byte of the line that is no blank and of no byte-order mark.

    A backslash at a line's end, with or without blanks behind it, continues the line.
    """
    while i < end:
        c = data[i]
        if BLANK[c]:
            i += 1
        elif c == BACKSLASH:
            after = i + 1
            while after < end and BLANK[data[after]]:
                after += 1
            if after + 1 < end and data[after] == CARRIAGE_RETURN and data[after + 1] == NEWLINE:
                i = after + 2
            elif after < end and (data[after] == NEWLINE or data[after] == CARRIAGE_RETURN):
                i = after + 1
            else:
                break
        elif c == MARK_0 and i + 2 < end and data[i + 1] == MARK_1 and data[i + 2] == MARK_2:
            i += 3
        else:
            break
    return i


@njit(cache=True)
def skip_line(data, i, end):
    """The position just after the line's end, be it LF or CR (the LF of a CRLF is then an empty line)."""
    while i < end and data[i] != NEWLINE and data[i] != CARRIAGE_RETURN:
        i += 1
    return i + 1


@njit(cache=True, inline="always")
def ends_token(data, i, end):
    """Whether a number or index stops before position i > 0; the `#` of 1.#IND belongs to it."""
    return i >= end or (TOKEN_END[data[i]] and not (data[i] == HASH and data[i - 1] == DOT))


@njit(cache=True, inline="always")
def ends_line(data, i, end):
    """Whether nothing but a comment stands on the line from position i on."""
    return i >= end or LINE_END[data[i]]


@njit(cache=True, inline="always")
def halves(value):
    """A double as a sum of two whose products are exact (Veltkamp)."""
    high = SPLITTER * value
    high = high - (high - value)
    return high, value - high


@njit(cache=True)
def scaled(mantissa, exponent):
    """mantissa · 10^exponent for a whole mantissa below 10^18 and |exponent| ≤ 22; whether it is the nearest double."""
    rounded = float(mantissa)
    if mantissa < EXACT_MANTISSA:  # both factors are exact, so that the result is rounded once (Clinger's fast path)
        if exponent < 0:
            return rounded / POWERS_OF_TEN[-exponent], True
        return rounded * POWERS_OF_TEN[exponent], True
    if exponent > 0:
        return 0.0, False
    # One step of division in twice the precision: `correction` is what the quotient lacks, to 2^-103 of it (Dekker).
    power = POWERS_OF_TEN[-exponent]
    quotient = rounded / power
    product = quotient * power
    quotient_high, quotient_low = halves(quotient)
    power_high, power_low = halves(power)
    error = ((quotient_high * power_high - product) + quotient_high * power_low + quotient_low * power_high) + (
        quotient_low * power_low
    )
    correction = (((rounded - product) - error) + float(mantissa - np.int64(rounded))) / power
    margin = quotient * 2.0**-100
    value = quotient + (correction + margin)
    return value, value == quotient + (correction - margin)  # Ziv's test: no rounding boundary is as near


@njit(cache=True)
def scan_number(data, i, end):
    """Read the number that starts at i.

    Returns:
        its value, the position after it, and whether the value is exact. Where it isn't, the bytes between are a
        number that takes Python's `float()`, or no number at all: see `python_float`.
    """
    start = i
    negative = i < end and data[i] == MINUS
    if i < end and (data[i] == MINUS or data[i] == PLUS):
        i += 1
    mantissa, digits, significant, exponent = 0, 0, 0, 0
    fraction = False
    while i < end:
        c = data[i]
        if ZERO <= c <= NINE:
            if significant < FAST_DIGITS:
                mantissa = mantissa * 10 + (c - ZERO)
            digits += 1
            if mantissa > 0:
                significant += 1
            if fraction:
                exponent -= 1
        elif c == DOT and not fraction:
            fraction = True
        else:
            break
        i += 1
    if digits > 0 and i < end and (data[i] == UPPER_E or data[i] == LOWER_E):
        i += 1
        sign = -1 if i < end and data[i] == MINUS else 1
        if i < end and (data[i] == MINUS or data[i] == PLUS):
            i += 1
        if ends_token(data, i, end):
            digits = 0  # "1e"
        written = 0
        while i < end and ZERO <= data[i] <= NINE:
            written = min(written * 10 + (data[i] - ZERO), 10_000)
            i += 1
        exponent += sign * written
    readable = digits > 0 and ends_token(data, i, end) and significant <= FAST_DIGITS and -22 <= exponent <= 22
    value, exact = scaled(mantissa, exponent) if readable else (0.0, False)
    if not exact:
        i = start
        while not ends_token(data, i, end):
            i += 1
    return (-value if negative else value), i, exact


@njit(cache=True)
def scan_table(data, start):
    """Every number from `start` on, with `#` comments left out.

    Returns:
        values (N,), the index of each non-empty line's first value (L + 1,), and as rows (index of the value, start,
        end) the numbers left to `python_float`.
    """
    end = len(data)
    values = np.empty((end - start) // 8 + 16)
    lines = np.empty((end - start) // 24 + 16, np.int64)
    inexact = np.empty((16, 3), np.int64)
    n_values, n_lines, n_inexact = 0, 0, 0
    i = start
    while i < end:
        first = n_values
        i = skip_blanks(data, i, end)
        while not ends_line(data, i, end):
            value, after, exact = scan_number(data, i, end)
            if n_values == len(values):
                values = doubled(values)
            values[n_values] = value
            if not exact:
                after = max(after, i + 1)
                if n_inexact == len(inexact):
                    inexact = doubled(inexact)
                inexact[n_inexact, 0], inexact[n_inexact, 1], inexact[n_inexact, 2] = n_values, i, after
                n_inexact += 1
            n_values += 1
            i = skip_blanks(data, after, end)
        if n_values > first:
            if n_lines + 1 >= len(lines):
                lines = doubled(lines)
            lines[n_lines] = first
            n_lines += 1
        i = skip_line(data, i, end)
    lines[n_lines] = n_values
    return values[:n_values].copy(), lines[: n_lines + 1].copy(), inexact[:n_inexact]


def line_number(data: bytes, offset: int) -> int:
    """The line, counted from 1, that holds the byte at `offset`."""
    return max(data.count(b"\n", 0, offset), data.count(b"\r", 0, offset)) + 1


def python_float(data: bytes, start: int, end: int) -> float:
    """What `float()` makes of a token; NaN where a program wrote that it had no number.

    Raises:
        MalformedError: it is no number.
    """
    token = data[start:end]
    if NUMBER.fullmatch(token):
        return float(token)
    if NO_NUMBER.fullmatch(token):
        return float("nan")
    hint = " (decimal commas? export it with points)" if b"," in token else ""
    shown = token[:30].decode("utf-8", "replace")
    raise MalformedError(f"line {line_number(data, start)}: expected a number, found {shown!r}{hint}")


def fill_inexact(values: np.ndarray, inexact: np.ndarray, data: bytes) -> None:
    """Put the numbers that the compiled scan left out into the flat `values`, in place."""
    for index, start, end in inexact.tolist():
        values[index] = python_float(data, start, end)


def number_table(data: bytes, start: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """The numbers of a text from byte `start` on.

    Returns:
        values (N,) float64 in reading order; lines (L + 1,) int64, where values[lines[k] : lines[k + 1]] stand on the
        k-th line that holds any. `#` starts a comment.

    Raises:
        MalformedError: something is no number.
    """
    values, lines, inexact = scan_table(np.frombuffer(data, np.uint8), start)
    fill_inexact(values, inexact, data)
    return values, lines
