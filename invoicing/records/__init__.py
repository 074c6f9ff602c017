"""The typed data: everything that is stored or that travels between the steps of a workflow is a class here.

`base` has what all records share. A module for each subject holds its records; `*_steps` modules hold the
inputs and outputs of the workflows and their steps, each pair bound to its name (`base.Step`).
"""
