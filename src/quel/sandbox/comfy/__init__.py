"""A simulator of ComfyUI's server: no model, it speaks the wire with its oddities."""
