"""What a bucket says of itself."""

from dataclasses import dataclass


@dataclass(frozen=True)
class BucketSettings:
    """`file_size_limit_bytes` and `allowed_mime_types` are None where the bucket has none of its own."""

    public: bool
    file_size_limit_bytes: int | None = None
    allowed_mime_types: tuple[str, ...] | None = None

    def takes(self, mime_type: str) -> bool:
        """Whether such a file may be put in: a bucket names types, families (`image/*`) or everything."""
        family = f"{mime_type.split('/')[0]}/*"
        wanted = {mime_type, family, "*/*", "*"}
        return self.allowed_mime_types is None or any(
            allowed.strip().lower() in wanted for allowed in self.allowed_mime_types
        )
