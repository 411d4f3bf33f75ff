"""Numbers as a person reads them; the page's only source of formatted figures."""

_PREFIXES = ((1e9, "G"), (1e6, "M"), (1e3, "k"))
_MINUS = "\N{MINUS SIGN}"


def three_digits(value: float) -> str:
    """Three significant digits, never in exponent form: ``1,210``, ``12.1``, ``0.0120``.

    Below 0.01 two are enough: ``0.0040``.
    """
    if value == 0:
        return "0"
    decimals = min(_decimals(value, 3), max(4, _decimals(value, 2)))
    return f"{value:,.{decimals}f}"


def alike(before: float, after: float) -> tuple[str, str]:
    """Two positive numbers with equally many decimals: ``("1.21", "0.59")``.

    The larger has three significant digits; more only where the smaller needs them for two.
    """
    decimals = max(_decimals(max(before, after), 3), _decimals(min(before, after), 2))
    return f"{before:,.{decimals}f}", f"{after:,.{decimals}f}"


def _decimals(value: float, digits: int) -> int:
    # Rounding first: 0.9996 has three significant digits as 1.00, not as 0.9996.
    exponent = int(f"{abs(value):.{digits - 1}e}".partition("e")[2])
    return max(0, digits - 1 - exponent)


def ratio(value: float, digits: int = 2) -> str:
    """``0.4876`` as ``0.49x``; below 0.1 with `digits` significant digits."""
    return f"{value:.{digits}f}x" if value >= 0.1 else f"{value:.{digits}g}x"


def percent(value: float, digits: int = 1) -> str:
    """A share of 1 as a percentage; never rounded to 100 % or 0 % when it is not."""
    if value in {0, 1}:
        return f"{value:.0%}"
    for places in range(digits, 5):
        text = f"{value * 100:.{places}f}"
        if float(text) not in {0.0, 100.0}:
            break
    return f"{text}%"


def points(difference: float) -> str:
    """A difference of two accuracies in percentage points, signed with a true minus: ``-0.3``."""
    text = f"{abs(difference) * 100:.1f}"
    if text == "0.0":
        return "±0.0"
    return f"{_MINUS if difference < 0 else '+'}{text}"


def points_noun(difference: float) -> str:
    """``point`` for exactly one, ``points`` else."""
    return "point" if points(difference).lstrip("+" + _MINUS) == "1.0" else "points"


def count(value: int) -> str:
    """``40812544`` as ``40.8 M``."""
    for size_of, prefix in _PREFIXES:
        if value >= size_of:
            return f"{three_digits(value / size_of)} {prefix}"
    return str(value)


def size(value: int) -> str:
    """Bytes as ``kB`` or ``MB`` (powers of 1000, as file managers and flash sizes are)."""
    return f"{count(value)}B" if value >= 1000 else f"{value} B"


def seconds(value: float) -> str:
    """Milliseconds below a second, seconds below a minute, else minutes."""
    if value >= 60:
        return f"{three_digits(value / 60)} min"
    return f"{three_digits(value)} s" if value >= 1 else f"{three_digits(value * 1000)} ms"
