"""View models: pure functions from what is stored to what a page shows. No I/O, no clock."""
