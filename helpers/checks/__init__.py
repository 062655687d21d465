"""Exercises that name the mistake: a check for each, questions on earlier notebooks, and a map of what is done."""

from helpers.checks.check import Check
from helpers.checks.parsons import multi_head_puzzle
from helpers.checks.progress import Progress

check_row_sums = Check("row_sums")
check_favourites = Check("favourites")
check_score = Check("score")
check_projections = Check("projections")
check_scale = Check("scale")
check_softmax = Check("softmax")
check_outputs = Check("outputs")
check_attention = Check("attention")
check_masked_attention = Check("masked_attention")
check_cross_attention = Check("cross_attention")
check_head = Check("head")
check_split = Check("split")
check_merge = Check("merge")
check_multi_head = Check("multi_head")
check_writes = Check("writes")
check_shares = Check("shares")
check_other_row = Check("other_row")
check_null_attention = Check("null_attention")
check_loss_gradient = Check("loss_gradient")
check_softmax_gradient = Check("softmax_gradient")
check_query_gradient = Check("query_gradient")

__all__ = [
    "Progress",
    "multi_head_puzzle",
    *(name for name in globals() if name.startswith("check_")),
]
