"""Predictions and recall questions, and the file that keeps what the learner typed and chose."""

from helpers.questions.predictions import Prediction, Summary
from helpers.questions.recall import Recall

__all__ = ["Prediction", "Recall", "Summary"]
