"""Find what breaks replay in orchestrators, before anything runs."""
