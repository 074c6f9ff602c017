"""What the app does, one module each; called alike by the API, the pages, the activities and the commands."""
