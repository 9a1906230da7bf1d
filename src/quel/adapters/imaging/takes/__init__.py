"""Tells from a generated picture alone whether a studio would keep it; the only room that knows OpenCV."""
