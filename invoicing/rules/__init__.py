"""The official rules: which files they are, how they get here, and how they are run."""
