"""Workers in other processes and on other machines, by Ray: what they do is not known here."""

from edgeprune.execution.cluster import Cluster, open_cluster
from edgeprune.execution.crew import Crew
from edgeprune.execution.spread import spread

__all__ = ["Cluster", "Crew", "open_cluster", "spread"]
