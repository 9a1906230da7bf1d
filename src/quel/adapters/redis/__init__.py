"""Redis: raw lists, cancel keys, the cache of bytes and the provider's quota."""
