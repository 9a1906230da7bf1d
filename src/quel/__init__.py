"""The back end of Quel Canvas: job rows become finished, stored, paid-for images."""
