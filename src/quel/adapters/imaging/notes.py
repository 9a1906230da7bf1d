"""What a delivered picture carries beside its pixels: its colours' profile and its digital source type.

A thousand bytes in all, the same in every process and release of a library.
"""

from functools import cache

from PIL import ImageCms

from quel.core.provenance import DigitalSourceType

_CREATED_AT = slice(24, 36)  # ICC.1:2022, 7.2: the one part of the profile that tells when it was made
_NEW_YEAR_2026 = bytes.fromhex("07ea00010001000000000000")

# XMP (ISO 16684-1) with IPTC's Iptc4xmpExt:DigitalSourceType, as Google Merchant Center asks for it.
_PACKET = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
 Iptc4xmpExt:DigitalSourceType="{source_type}"/></rdf:RDF></x:xmpmeta>
<?xpacket end="r"?>"""


@cache
def srgb_profile() -> bytes:
    """The ICC profile of sRGB: programs with wide screens, and printers, guess without one."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[_CREATED_AT] = _NEW_YEAR_2026
    return bytes(profile)


def xmp(source_type: DigitalSourceType) -> bytes:
    """The XMP packet that names a picture's source type."""
    return _PACKET.format(source_type=source_type.value).encode()
