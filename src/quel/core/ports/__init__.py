"""The neighbours as the stages see them: what each promises, never how.

Adapters implement these and `quel.services` wires them; `quel.sandbox.memory` implements them once more.
Nothing here raises a library's own exception: every method may raise ServiceUnavailable.
"""
