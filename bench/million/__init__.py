"""A million jobs in quel's real schema, and the questions of operators measured against them."""
