"""The three-way match: what was ordered, received and billed. Pure."""
