"""Units of time. All times in mldkit are integers in nanoseconds; names end in `_ns`."""

MICROSECOND = 1_000
MILLISECOND = 1_000_000
SECOND = 1_000_000_000
