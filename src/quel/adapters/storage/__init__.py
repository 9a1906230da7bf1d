"""Supabase Storage: the bucket that holds references and results."""

from quel.adapters.storage.supabase import SupabaseStorage

__all__ = ["SupabaseStorage"]
