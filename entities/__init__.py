"""Durable entities: one a module. What an operation does to the state is a pure function of the domain."""
