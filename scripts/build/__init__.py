"""What the maintainers run: packaging, and every generated file of the repository."""
