"""The parts of ``dev.py``: setting up, starting the services, sending a batch, running the checks.

Standard library only, since this code runs before anything is installed.
"""
