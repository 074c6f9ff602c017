"""Exchange rates: reading the files that they come in, and converting amounts. Pure."""
