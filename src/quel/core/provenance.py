"""What a delivered picture says of its origin: generated, from words alone or from pictures as well."""

from enum import StrEnum


class DigitalSourceType(StrEnum):
    """IPTC's words for how a picture came to be (NewsCodes, digitalsourcetype); the member is its address."""

    GENERATED = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
    GENERATED_WITH_REFERENCES = (
        "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
    )


def source_type(references_shown: int) -> DigitalSourceType:
    """The type of an image whose engine was shown so many pictures."""
    if references_shown:
        return DigitalSourceType.GENERATED_WITH_REFERENCES
    return DigitalSourceType.GENERATED
