"""The live views: one explorer a file. They show what helpers.attention returns."""

from helpers.explorers.bug_zoo import BugZoo
from helpers.explorers.dot_product_grid import DotProductGrid
from helpers.explorers.head_explorer import HeadExplorer
from helpers.explorers.head_sweep import HeadSweep
from helpers.explorers.head_switch import HeadSwitch
from helpers.explorers.mask_painter import MaskPainter
from helpers.explorers.race import Race
from helpers.explorers.row_follower import RowFollower
from helpers.explorers.shape_theatre import ShapeTheatre
from helpers.explorers.training_scrubber import TrainingScrubber
from helpers.explorers.two_scores import TwoScores
from helpers.widgets.head_map import HeadMap

__all__ = [
    "BugZoo",
    "DotProductGrid",
    "HeadExplorer",
    "HeadMap",
    "HeadSweep",
    "HeadSwitch",
    "MaskPainter",
    "Race",
    "RowFollower",
    "TwoScores",
    "ShapeTheatre",
    "TrainingScrubber",
]
