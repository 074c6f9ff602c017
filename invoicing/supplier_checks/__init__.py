"""Checks of suppliers by services elsewhere: the file that describes them, questions and answers. Pure."""
