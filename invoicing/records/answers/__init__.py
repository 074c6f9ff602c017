"""What the API answers, and what it takes as JSON: its description (OpenAPI) is generated from these records.

A field with a default may be left out; every other one is always there. The texts of classes and fields are
read by people who write programs against the API.
"""
