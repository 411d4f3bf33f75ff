"""The command line in this process: quicker than a shell's, and held to the same."""

from click.testing import Result
from typer.testing import CliRunner

from edgeprune.cli.app import app


def called(*words: object, answers: str | None = None) -> Result:
    """Call a command; an error that no command would show as a sentence fails the test.

    Args:
        words: behind ``edgeprune``.
        answers: typed by the user.
    """
    result = CliRunner().invoke(app, [str(word) for word in words], input=answers)
    if not (result.exception is None or isinstance(result.exception, SystemExit)):
        raise result.exception
    return result
