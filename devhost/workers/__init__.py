"""Running the functions of the app: in this process, or in processes of their own."""
