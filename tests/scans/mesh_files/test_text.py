import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scans.mesh_files.malformed import MalformedError
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
