"""ARM boards made on the desk: an emulated Python, and a virtual board with SSH.

Both are made of Debian packages and wheels, without root rights, and are real to everything
that uses them: another architecture, another machine's kernels, another interpreter. What they
cannot give is a board's milliseconds; their fact file says what their clock counts.
"""

from edgeprune.boards.architecture import ARM64, ARMHF, Architecture
from edgeprune.boards.emulated import emulated_python
from edgeprune.boards.programs import check_programs, missing_programs
from edgeprune.boards.recipe import RECIPE, RECIPE_ARMHF, RECIPE_TVM, Recipe
from edgeprune.boards.session import Board

__all__ = [
    "ARM64",
    "ARMHF",
    "RECIPE",
    "RECIPE_ARMHF",
    "RECIPE_TVM",
    "Architecture",
    "Board",
    "Recipe",
    "check_programs",
    "emulated_python",
    "missing_programs",
]
