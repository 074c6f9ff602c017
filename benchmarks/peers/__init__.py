"""The same small works as programs of several durable engines. Each runs in an environment of its own."""
