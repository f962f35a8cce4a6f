"""The database below: where it is, its migrations, and the private server."""
