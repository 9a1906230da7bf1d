"""What the provider is shown and told, from a path's rules and a stage's references."""
