"""What a dataset hands over before it is cut into splits."""

from dataclasses import dataclass

from edgeprune.workloads.split import Split


@dataclass(frozen=True)
class Dataset:
    """Images by purpose.

    `train` and `test` that are `ArraySplit` or `FileSplit` can be cut further (the reward split,
    lists of images). A dataset of other splits gives `reward` too.

    Attributes:
        classes: names; a label is an index into them. Of a regression the names of the numbers.
        train: what a model may be trained on.
        test: what it may not; None where the user's lists have to say.
        reward: images that nobody trains on, apart from `test`. Giving one declares that no
            weights have seen it.
        divided: whether its maker told training images from others. Where not, a test split is cut
            off `train`; and given weights may have seen any image, so that both lists are needed.
    """

    classes: tuple[str, ...]
    train: Split
    test: Split | None
    reward: Split | None = None
    divided: bool = True
