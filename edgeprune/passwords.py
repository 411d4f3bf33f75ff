"""Passwords in addresses such as ``postgresql://me:secret@host/db``: used, never kept or shown."""

import re

#: Stands in the place of a password.
MASK = "***"
_IN_ADDRESS = re.compile(r"(?P<kept>\b\w[\w+.-]*://[^\s:/?#@]*:)[^\s@]*@")
_IN_QUERY = re.compile(r"(?P<kept>[?&](?:ssl)?password=)[^\s&'\"]*", re.IGNORECASE)


def masked(text: str) -> str:
    """Text with `MASK` in the place of every password that stands in an address.

    Examples:
        >>> masked("history: postgresql://me:secret@lab/db?sslpassword=x")
        'history: postgresql://me:***@lab/db?sslpassword=***'
    """
    return _IN_QUERY.sub(rf"\g<kept>{MASK}", _IN_ADDRESS.sub(rf"\g<kept>{MASK}@", text))
