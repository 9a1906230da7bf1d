"""ComfyUI's workflows and what its answers mean: pure, the calls are the adapter's."""
