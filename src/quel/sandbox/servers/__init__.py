"""PostgreSQL and Redis, started for the life of one process and gone with it."""
