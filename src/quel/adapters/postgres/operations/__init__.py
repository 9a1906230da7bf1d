"""The statements behind what operators do, a file an operation."""
