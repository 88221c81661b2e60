"""What a file says of itself: that its picture is synthetic, in tags that players show, and as XMP for programs.

The machine-readable mark is IPTC's Digital Source Type (https://cv.iptc.org/newscodes/digitalsourcetype/) as the IPTC
Video Metadata Hub maps it to XMP, which is embedded as the XMP specification, part 3, has it for MPEG-4.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Mapping
from xml.sax.saxutils import escape, quoteattr

import livehead

_SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"

TRAINED = f"{_SOURCE_TYPES}trainedAlgorithmicMedia"
"""The picture was made by a model that was trained on captured content."""

COMPOSITE = f"{_SOURCE_TYPES}compositeSynthetic"
"""The picture is a composite with synthetic elements: a portrait that was moved by an algorithm."""

_XMP_UUID = uuid.UUID("be7acfcb-97a9-42e8-9c71-999491e3afac").bytes

_COMMENT = (
    "This video is synthetic. Software animated a portrait to the sound; the person in the picture was not filmed "
    "saying this."
)


def synthetic_tags(engine: str, variant: str | None, avatar: str) -> dict[str, str]:
    """The tags of a file whose picture ``engine`` made of the portrait ``avatar``, for
    :class:`~livehead.media.video.mp4.Mp4Writer`. The same arguments give the same tags."""
    made_by = engine if variant is None else f"{engine} {variant}"
    return {
        "comment": _COMMENT,
        "description": _COMMENT,
        "synthetic": "true",
        "digital_source_type": COMPOSITE if engine == "preview" else TRAINED,
        "generator": f"Livehead {livehead.__version__} ({made_by})",
        "portrait": avatar,
    }


def xmp_box(tags: Mapping[str, str]) -> bytes:
    """The tags as an MP4 box of XMP, to be put at the top level of the file, for example at its end."""
    packet = (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"'
        ' xmlns:xmp="http://ns.adobe.com/xap/1.0/"'
        ' xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
        f" Iptc4xmpExt:DigitalSourceType={quoteattr(tags['digital_source_type'])}"
        f" xmp:CreatorTool={quoteattr(tags['generator'])}>"
        '<dc:description><rdf:Alt><rdf:li xml:lang="x-default">'
        f"{escape(tags['description'])}"
        "</rdf:li></rdf:Alt></dc:description></rdf:Description></rdf:RDF></x:xmpmeta>"
        '<?xpacket end="r"?>'
    ).encode()
    return struct.pack(">I4s", 8 + len(_XMP_UUID) + len(packet), b"uuid") + _XMP_UUID + packet
