"""Activities: the steps of workflows, in each module one or a few of a kind.

Each is given a record, calls a use case or a store, and returns a record.
"""
