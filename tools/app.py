"""The head explorer alone, which `make app` shows as a page of its own."""

from helpers import examples
from helpers.explorers import HeadExplorer

HeadExplorer(examples.sentence("cat"))
