"""A simulator of Gemini's image models: `Gemini` starts one, `faults` lists what it can get wrong."""
