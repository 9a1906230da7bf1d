"""The only code that touches the world, a folder or file a neighbour."""
