"""Folders of a user who has none: told, and never a folder that is called ~."""

from pathlib import Path

import pytest

from edgeprune import folders
from edgeprune.errors import NoHomeError
from edgeprune.history.database import HistoryUnavailableError, history_url


class _Newer:
    @property
    def user_data_dir(self) -> str:
        msg = "could not determine the home directory"
        raise RuntimeError(msg)

    user_cache_dir = user_data_dir


class _Older:
    user_data_dir = "~/.local/share/edgeprune"
    user_cache_dir = "~/.cache/edgeprune"


@pytest.mark.parametrize("dirs", [_Newer(), _Older()])
def test_without_home_it_is_told(dirs: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "_USUAL", dirs)
    monkeypatch.delenv(folders.CACHE_VARIABLE, raising=False)
    monkeypatch.delenv("EDGEPRUNE_HISTORY", raising=False)
    with pytest.raises(NoHomeError, match="edgeprune's cache: set HOME or EDGEPRUNE_CACHE"):
        folders.user_cache()
    with pytest.raises(NoHomeError, match="edgeprune's data: set HOME or XDG_DATA_HOME"):
        folders.user_data()
    # A run goes on without a history that is away.
    with pytest.raises(HistoryUnavailableError, match="or EDGEPRUNE_HISTORY"):
        history_url(None)


def test_a_folder_that_is_chosen_needs_no_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "_USUAL", _Newer())
    monkeypatch.setenv(folders.CACHE_VARIABLE, str(tmp_path))
    assert folders.user_cache() == tmp_path
