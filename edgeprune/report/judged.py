"""What the models of a page are judged by: the name of the score, and what it is a share of."""

from dataclasses import dataclass

from edgeprune.report.fields import EXACT


@dataclass(frozen=True)
class Judged:
    """The score that stands for accuracy on the page.

    Attributes:
        name: as people call it: ``accuracy`` of classification, ``mIoU`` of segmentation.
        counted: whether it is a share of right answers, so that chance is known.
        of: what is counted class by class.
    """

    __pydantic_config__ = EXACT

    name: str = "accuracy"
    counted: bool = True
    of: str = "images"
