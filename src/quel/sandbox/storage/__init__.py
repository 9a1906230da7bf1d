"""A simulator of Supabase Storage: `Storage` starts one, `faults` lists what it can get wrong."""
