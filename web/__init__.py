"""The pages people use: templates, static files, and view models that say what a page shows."""
