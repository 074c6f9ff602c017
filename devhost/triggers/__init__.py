"""What starts functions of itself: timers, queues, blobs, and runs by hand."""
