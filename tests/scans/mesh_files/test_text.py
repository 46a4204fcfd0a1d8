from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scans.mesh_files.parsed import MalformedError
from scans.mesh_files.text import number_table

LONGEST_FLOAT = 700


def bits(values: np.ndarray) -> list[int]:
    return values.view(np.uint64).tolist()


def check_as_python(tokens: list[str]) -> None:
    values, _ = number_table("\n".join(tokens).encode())
    assert bits(values) == bits(np.array([float(token) for token in tokens]))


@settings(deadline=None)  # the first example compiles
@given(st.lists(st.floats(allow_nan=False), min_size=1))
def test_shortest_forms_come_back_to_the_bit(numbers: list[float]) -> None:
    check_as_python([repr(number) for number in numbers])


@settings(deadline=None)  # the first example compiles
@given(st.integers(0, 10**20), st.integers(-30, 30), st.sampled_from(["", "-", "+"]))
def test_any_mantissa_and_exponent(mantissa: int, exponent: int, sign: str) -> None:
    check_as_python([f"{sign}{mantissa}e{exponent}", f"{sign}{mantissa}E{exponent:+d}"])


@settings(deadline=None)  # the first example compiles
@given(st.integers(0, 10**18), st.integers(1, 18))
def test_any_decimals(digits: int, decimals: int) -> None:
    whole, fraction = divmod(digits, 10**decimals)
    check_as_python([f"{whole}.{fraction:0{decimals}d}", f"-.{fraction:0{decimals}d}", f"{whole}."])


@settings(deadline=None)  # the first example compiles
@given(st.integers(1 << 53, 1 << 54), st.integers(1, 5))
def test_halfway_between_two_doubles(number: int, twos: int) -> None:
    check_as_python([f"{(number | 1) * 5**twos}e-{twos}"])  # (odd 54-bit number) / 2^twos has no double of its own


@settings(deadline=None, max_examples=300)  # the first example compiles
@given(
    st.sampled_from(["", "-", "+"]),
    st.from_regex(r"([0-9]{1,25}\.?|[0-9]{0,25}\.[0-9]{1,25}|0{0,20}\.0{0,30}[0-9]{1,20})", fullmatch=True),
    st.one_of(st.just(""), st.from_regex(r"[eE][+-]?0{0,3}[0-9]{1,3}", fullmatch=True)),
)
def test_any_decimal_string(sign: str, digits: str, exponent: str) -> None:
    check_as_python([sign + digits + exponent])


def between(low: float) -> tuple[str, str, str]:
    """All digits of the middle between a double and the next one, and of numbers just below and above it."""
    with localcontext() as context:
        context.prec = 1200
        middle = (Decimal(low) + Decimal(float(np.nextafter(low, np.inf)))) / 2
        hair = middle * Decimal("1e-900")
        return f"{middle - hair:e}", f"{middle:e}", f"{middle + hair:e}"


@settings(deadline=None)  # the first example compiles
@given(st.floats(0, 1e300), st.floats(1e-6, 1e6), st.floats(5e-324, 2.3e-308))
def test_the_middle_between_two_doubles_and_a_hair_beside_it(
    any_size: float, jaw_size: float, subnormal: float
) -> None:
    for low in (any_size, jaw_size, subnormal):
        below, _, above = between(low)
        assert float(below) == low < float(above)
        check_as_python(list(between(low)))
        check_as_python([f"{Decimal(token):.{digits}e}" for token in between(low) for digits in (15, 16, 17, 18, 40)])


def test_odd_numbers() -> None:
    tokens = "0 -0 +0.0 -0.0 1e22 1e-22 1e400 -1e-400 4.9e-324 inf -INF Infinity 000000000000000000000000001.50 0e999 "
    tokens += "123456789012345678e5 -123456789012345678e+22 999999999999999999e-22 1e23"
    check_as_python([*tokens.split(), "1" * LONGEST_FLOAT, "0." + "0" * LONGEST_FLOAT + "1"])
    assert np.isnan(number_table(b"nan -NaN")[0]).all()


@pytest.mark.parametrize(
    "token", [b"x", b"1e", b"1e+", b".", b"-", b"+-1", b"1_0", b"0x10", b"1,5", b"\xff", b"1.2.3", b"\\"]
)
def test_what_is_no_number_is_refused_with_its_line(token: bytes) -> None:
    with pytest.raises(MalformedError, match=r"line 3: expected a number"):
        number_table(b"1 2\n\n3 " + token + b" 4\n")


def test_lines_and_comments() -> None:
    values, lines = number_table(b"1\t2 # 7 8\r\n\r\n# 9\n3\\\n 4\n5", 0)
    assert values.tolist() == [1, 2, 3, 4, 5]
    assert lines.tolist() == [0, 2, 4, 5]
