"""The engine: instances, messages, activities, timers and entities, in one thread."""
