"""The HTTP front: routes and keys of the app, the management API and the admin endpoints."""
