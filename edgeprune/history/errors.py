"""What can be wrong with a history."""

from edgeprune.errors import UserError


class HistoryError(UserError):
    """A history cannot be opened, read or written: where it is, what is wrong, what to do."""


class HistoryUnavailableError(HistoryError):
    """It is locked, full, out of reach or damaged: no mistake of a run, which goes on without."""
