"""The base model: its files, and its score on the test split."""

from edgeprune.pipeline.finishing import write_contender
from edgeprune.pipeline.records import Finished
from edgeprune.pipeline.session import Session


def finish_base(session: Session) -> Finished:
    """Write the unpruned model, and score it on the test split: the only time it is."""
    if (record := session.directory.record("base", Finished)) is not None:
        return record
    model, content = session.workload.model, session.template.base
    record = write_contender(session, "base", session.whole(), model, content)
    return session.directory.finish("base", record)
