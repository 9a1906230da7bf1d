"""Gemini as an engine: one call, judged into one outcome."""

from quel.adapters.gemini.engine import GeminiEngine
from quel.adapters.gemini.model_check import ModelCheck, ModelState

__all__ = ["GeminiEngine", "ModelCheck", "ModelState"]
