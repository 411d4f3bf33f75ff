"""What can be wrong with a history."""

from edgeprune.errors import UserError


class HistoryError(UserError):
    """A history cannot be opened, read or written: where it is, what is wrong, what to do."""
