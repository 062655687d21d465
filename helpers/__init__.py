"""What the notebooks import: the attention core, the named inputs, the figures and the explorers."""
