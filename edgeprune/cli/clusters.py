"""`edgeprune inspect --clusters`: which groups BOCR would tie together, and their dendrogram."""

from dataclasses import dataclass, field

from scipy.cluster.hierarchy import ClusterNode, to_tree

from edgeprune.errors import UserError
from edgeprune.pruning import ChannelSpace
from edgeprune.search import SearchProblem
from edgeprune.search.samplers.bocr.clusters import Clustering
from edgeprune.search.samplers.bocr.options import BocrOptions
from edgeprune.terminal import say

#: Columns that the branches of a dendrogram take, where they do not need more.
_COLUMNS = 48


def find_clusters(space: ChannelSpace, count: int) -> tuple[Clustering, dict[str, int]]:
    """BOCR's dendrogram of a space and the cluster of every free group.

    Args:
        space: of a model with weights.
        count: how many clusters.

    Raises:
        UserError: there are not so many groups, or none.
    """
    groups = len(space.free)
    if not 1 <= count <= groups:
        msg = (
            f"--clusters {count}: {groups} groups of this model may be cut; allowed: 1 to {groups}"
        )
        raise UserError(msg)
    full = space.macs(space.full)
    problem = SearchProblem(
        groups=tuple(group.name for group in space.free),
        choices=space.choices,
        features=space.features,
        feature_names=space.feature_names,
        macs=space.macs,
        cost=lambda widths: space.macs(widths) / full,
        target=1.0,
        branches=tuple(branch.groups for branch in space.branches),
    )
    clustering = Clustering(problem, space.reader_norms, BocrOptions())
    labels = clustering.labels(count)
    return clustering, dict(zip(problem.groups, map(int, labels), strict=True))


def show_clusters(clustering: Clustering, labels: dict[str, int]) -> None:
    """Print the dendrogram and the groups of each cluster."""
    names = [f"{name}  {cluster + 1}" for name, cluster in labels.items()]
    for line in dendrogram(clustering, names):
        say(line)
    for cluster in range(max(labels.values()) + 1):
        members = [name for name, one in labels.items() if one == cluster]
        say(f"cluster {cluster + 1} ({len(members)} groups): {', '.join(members)}")


def dendrogram(clustering: Clustering, names: list[str]) -> list[str]:
    """The dendrogram as text: one line for each group; what joins further right is less alike.

    Args:
        clustering: of at least one group.
        names: what is shown of each group, in the order of the groups.
    """
    longest = max(map(len, names))
    if len(names) == 1:
        return names
    root = to_tree(clustering.merges)
    canvas = _Canvas(scale=(_COLUMNS - 1) / (root.dist or 1.0))
    end = canvas.draw(root)
    canvas.marks[end] = {"┬": "┐", "├": "│"}[canvas.marks[end]]  # Nothing joins the last joint.
    rows = [
        "".join(canvas.marks.get((row, column), " ") for column in range(canvas.width + 1))
        for row in range(len(names))
    ]
    return [
        f"{names[leaf]:>{longest}} {row.rstrip()}"
        for leaf, row in zip(canvas.leaves, rows, strict=True)
    ]


@dataclass
class _Canvas:
    """Characters by row and column, as a dendrogram is drawn from its leaves."""

    scale: float
    marks: dict[tuple[int, int], str] = field(default_factory=dict)
    leaves: list[int] = field(default_factory=list)
    width: int = 0

    def draw(self, node: ClusterNode) -> tuple[int, int]:
        """Draw what is below a node; gives the row and column where it goes on to the right."""
        if node.is_leaf():
            self.leaves.append(node.id)
            return len(self.leaves) - 1, -1
        ends = [self.draw(node.left), self.draw(node.right)]
        (top, _), (bottom, _) = ends
        column = max(round(node.dist * self.scale), *(end + 1 for _, end in ends))
        for row, end in ends:
            self.marks |= {(row, at): "─" for at in range(end + 1, column)}
        self.marks |= {(row, column): "│" for row in range(top + 1, bottom)}
        middle = (top + bottom) // 2
        # The stem leaves from the upper corner where there is no row between the two.
        self.marks |= {(top, column): "┐", (bottom, column): "┘"}
        self.marks[middle, column] = "┬" if middle == top else "├"
        self.width = max(self.width, column)
        return middle, column
