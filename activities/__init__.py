"""Activities: one step of a workflow per module.

They read and write through adapters and decide by the domain.
"""
