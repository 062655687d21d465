"""What explorers, checks and questions share: the head map, controls, verdicts, the static fallback."""
