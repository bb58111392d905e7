"""Floating-point codes of Query fields.

One format serves three fields (RFC 9776 §4.1.1 and §4.1.7, RFC 9777 §5.1.3 and §5.1.9)::

    |1| exp | mant  |         value = (mant | 1 << mant_bits) << (exp + 3)

The first bit clear means that the code is the value. IGMPv3 Max Resp Code (1/10 s) and QQIC
(s) are 8 bits wide with a mantissa of 4; MLDv2 Maximum Response Code (ms) is 16 bits wide with
a mantissa of 12. Older messages are linear over their whole width and never come here.
"""

from __future__ import annotations

_MANTISSA_BITS = {8: 4, 16: 12}


def decode(code: int, *, width: int) -> int:
    """Return the value of `code`, a field of `width` bits (8 or 16), in the field's unit."""
    if code < 1 << (width - 1):
        return code
    mantissa_bits = _MANTISSA_BITS[width]
    mantissa = code & ((1 << mantissa_bits) - 1) | 1 << mantissa_bits
    return mantissa << ((code >> mantissa_bits & 7) + 3)


def encode(value: int, *, width: int) -> int:
    """Return the code of the largest representable value not above `value`.

    Rounding down keeps hosts inside the delay that was asked for (RFC 9776 §8.8); values too
    large for the format give the largest code, values below zero give zero.
    """
    if value < 1 << (width - 1):
        return max(value, 0)
    mantissa_bits = _MANTISSA_BITS[width]
    exponent = value.bit_length() - 1 - mantissa_bits - 3
    if exponent > 7:
        return (1 << width) - 1
    mantissa = value >> (exponent + 3) & ((1 << mantissa_bits) - 1)
    return 1 << (width - 1) | exponent << mantissa_bits | mantissa


def is_exact(value: int, *, width: int) -> bool:
    """Return whether a field of `width` bits can carry `value` without rounding."""
    return decode(encode(value, width=width), width=width) == value
