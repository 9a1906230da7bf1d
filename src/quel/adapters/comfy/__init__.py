"""ComfyUI: its servers as an engine, and who may use which of them."""
