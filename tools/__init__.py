"""What `make` calls: set-up, server, tests and checks of this project, with Python's standard library alone."""
