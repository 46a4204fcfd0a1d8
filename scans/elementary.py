"""Elementary functions with the same bits on every machine.

The C library, NumPy and OpenBLAS choose their instructions by the processor (fused multiply-add, AVX2, AVX-512), and
the last bit of their `exp` or `sin` follows that choice. The functions here are made of additions, multiplications,
divisions and comparisons, which IEEE 754 defines to the last bit, in an order that no compiler may change. The
polynomials and argument reductions are those of Sun's fdlibm (1993). Errors are within 1 ulp, where nothing else is
said.

All are NumPy ufuncs of float64: they take numbers and arrays, also within compiled functions.
"""

import math

import numpy as np
from numba import njit, vectorize

_LN2_HIGH, _LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
_INVERSE_LN2 = 1.44269504088896338700e00
_EXP = (
    1.66666666666666019037e-01, -2.77777777770155933842e-03, 6.61375632143793436117e-05,
    -1.65339022054652515390e-06, 4.13813679705723846039e-08,
)  # fmt: skip
_LOG = (
    6.666666666666735130e-01, 3.999999999940941908e-01, 2.857142874366239149e-01, 2.222219843214978396e-01,
    1.818357216161805012e-01, 1.531383769920937332e-01, 1.479819860511658591e-01,
)  # fmt: skip
_SIN = (
    -1.66666666666666324348e-01, 8.33333333332248946124e-03, -1.98412698298579493134e-04,
    2.75573137070700676789e-06, -2.50507602534068634195e-08, 1.58969099521155010221e-10,
)  # fmt: skip
_COS = (
    4.16666666666666019037e-02, -1.38888888888741095749e-03, 2.48015872894767294178e-05,
    -2.75573143513906633035e-07, 2.08757232129817482790e-09, -1.13596475577881948265e-11,
)  # fmt: skip
_ATAN = (
    3.33333333333329318027e-01, -1.99999999998764832476e-01, 1.42857142725034663711e-01, -1.11111104054623557880e-01,
    9.09088713343650656196e-02, -7.69187620504482999495e-02, 6.66107313738753120669e-02, -5.83357013379057348645e-02,
    4.97687799461593236017e-02, -3.65315727442169155270e-02, 1.62858201153657823623e-02,
)  # fmt: skip
# pi / 2 as a sum: 33 bits, the next 33, and the rest.
_HALF_PI_1, _HALF_PI_2, _HALF_PI_3 = 1.57079632673412561417e00, 6.07710050630396597660e-11, 2.02226624879595063154e-21
_TWO_OVER_PI = 6.36619772367581382433e-01
_SMALLEST_NORMAL = 2.0**-1022
_MANTISSA, _ONE, _SQRT_HALF = 2**52 - 1, 0x3FF0000000000000, 0x3FE6A09E667F3BCD  # bits of a float64
_PI_LOW = 1.2246467991473531772e-16  # what math.pi lacks of pi
LARGEST_ANGLE = 2.0**19
"""Radians up to which `sin` and `cos` reduce their argument exactly; beyond, they return NaN."""


@njit(cache=True)
def _exp(x):
    if x != x:
        return x
    x = min(max(x, -746.0), 710.0)  # beyond, the result is 0 or infinite
    k = math.floor(x * _INVERSE_LN2 + 0.5)
    high, low = x - k * _LN2_HIGH, k * _LN2_LOW
    r = high - low
    t = r * r
    c = r - t * (_EXP[0] + t * (_EXP[1] + t * (_EXP[2] + t * (_EXP[3] + t * _EXP[4]))))
    y = 1.0 - ((low - (r * c) / (2.0 - c)) - high)
    half = k >> 1  # 2^k alone may be too large or too small for a float
    return y * np.int64((1023 + half) << 52).view(np.float64) * np.int64((1023 + k - half) << 52).view(np.float64)


@njit(cache=True)
def _log(x):
    if not 0.0 < x < math.inf:
        return -math.inf if x == 0.0 else x if x > 0.0 else math.nan
    shift = 0
    if x < _SMALLEST_NORMAL:
        x, shift = x * 2.0**54, 54
    # x = 2^k (1 + f), 1 + f from sqrt(1/2) to sqrt(2)
    bits = np.float64(x).view(np.int64) + (_ONE - _SQRT_HALF)
    k = (bits >> 52) - 1023 - shift
    f = np.int64((bits & _MANTISSA) + _SQRT_HALF).view(np.float64) - 1.0
    s = f / (2.0 + f)
    z = s * s
    w = z * z
    odd = w * (_LOG[1] + w * (_LOG[3] + w * _LOG[5]))
    even = z * (_LOG[0] + w * (_LOG[2] + w * (_LOG[4] + w * _LOG[6])))
    half_square = 0.5 * f * f
    return k * _LN2_HIGH - ((half_square - (s * (half_square + (even + odd)) + k * _LN2_LOW)) - f)


@njit(cache=True)
def _sin_of_quarters(x, quarters):
    """sin(x + quarters · pi / 2), |x| ≤ LARGEST_ANGLE."""
    if not abs(x) <= LARGEST_ANGLE:
        return math.nan
    n = math.floor(x * _TWO_OVER_PI + 0.5)
    first = x - n * _HALF_PI_1
    second = first - n * _HALF_PI_2
    rest = n * _HALF_PI_3 - ((first - second) - n * _HALF_PI_2)
    r = second - rest
    tail = (second - r) - rest
    z = r * r
    n += quarters
    if n & 1:
        half_square = 0.5 * z
        w = 1.0 - half_square
        p = z * z * (_COS[0] + z * (_COS[1] + z * (_COS[2] + z * (_COS[3] + z * (_COS[4] + z * _COS[5])))))
        value = w + (((1.0 - w) - half_square) + (p - r * tail))
    else:
        v = z * r
        p = _SIN[1] + z * (_SIN[2] + z * (_SIN[3] + z * (_SIN[4] + z * _SIN[5])))
        value = r - ((z * (0.5 * tail - v * p) - tail) - v * _SIN[0])
    return -value if n & 2 else value


@njit(cache=True)
def _atan(x):
    """The arc tangent of x ≥ 0."""
    if x < 0.4375:
        high, low = 0.0, 0.0
    elif x < 0.6875:
        high, low, x = 4.63647609000806093515e-01, 2.26987774529616870924e-17, (2.0 * x - 1.0) / (2.0 + x)
    elif x < 1.1875:
        high, low, x = 7.85398163397448278999e-01, 3.06161699786838301793e-17, (x - 1.0) / (x + 1.0)
    elif x < 2.4375:
        high, low, x = 9.82793723247329054082e-01, 1.39033110312309984516e-17, (x - 1.5) / (1.0 + 1.5 * x)
    else:
        high, low, x = 1.57079632679489655800e00, 6.12323399573676603587e-17, -1.0 / max(x, 2.4375)
    z = x * x
    w = z * z
    even = z * (_ATAN[0] + w * (_ATAN[2] + w * (_ATAN[4] + w * (_ATAN[6] + w * (_ATAN[8] + w * _ATAN[10])))))
    odd = w * (_ATAN[1] + w * (_ATAN[3] + w * (_ATAN[5] + w * (_ATAN[7] + w * _ATAN[9]))))
    return high - ((x * (even + odd) - low) - x)


@vectorize(cache=True)
def exp(x):
    """e to the power of x."""
    return _exp(x)


@vectorize(cache=True)
def log(x):
    """The natural logarithm; NaN below 0."""
    return _log(x)


@vectorize(cache=True)
def power(x, p):
    """x to the power of p > 0, x ≥ 0; within 1 + 3 |p log x| ulp."""
    return _exp(p * _log(x))


@vectorize(cache=True)
def sin(x):
    """The sine of an angle in radians, up to LARGEST_ANGLE."""
    return _sin_of_quarters(x, 0)


@vectorize(cache=True)
def cos(x):
    """The cosine of an angle in radians, up to LARGEST_ANGLE."""
    return _sin_of_quarters(x, 1)


@vectorize(cache=True)
def tan(x):
    """The tangent of an angle in radians, up to LARGEST_ANGLE; within 2.5 ulp."""
    return _sin_of_quarters(x, 0) / _sin_of_quarters(x, 1)


@vectorize(cache=True)
def atan2(y, x):
    """The angle of the vector (x, y), finite, in radians from -pi to pi, within 1.5 ulp; 0 of (0, 0)."""
    if y == 0.0 and x == 0.0:
        return 0.0
    # Both branches may be computed at once: neither divides by 0, which NumPy would warn of.
    angle = math.pi / 2 if x == 0.0 else _atan(abs(y / (x if x != 0.0 else 1.0)))
    if x < 0.0:
        angle = math.pi - (angle - _PI_LOW)
    return -angle if y < 0.0 else angle
