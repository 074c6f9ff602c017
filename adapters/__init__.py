"""The edge of the app: blobs, settings and the other things outside of the process."""
