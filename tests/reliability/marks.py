"""What programs that are not ours read in a file or a stream: ffprobe and ffmpeg."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

SOURCE_TYPE = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType"
DESCRIPTION = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}Description"


def tags(path: Path) -> dict[str, str]:
    """Of a file, as players show them."""
    said = _run("ffprobe", "-v", "error", "-show_format", "-of", "json", path)
    return dict(json.loads(said)["format"]["tags"])


def source_type(path: Path) -> str:
    """IPTC's digital source type in the XMP of a file, found as programs that scan for packets find it."""
    [packet] = re.findall(rb"<x:xmpmeta.*?</x:xmpmeta>", path.read_bytes(), re.DOTALL)
    [described] = ElementTree.fromstring(packet.decode()).iter(DESCRIPTION)
    return str(described.get(SOURCE_TYPE))


def messages(stream: Path) -> list[dict[str, Any]]:
    """The JSON of every message of user data in H264, in Annex B form, as FFmpeg's parser reads them."""
    command = ("ffmpeg", "-v", "verbose", "-f", "h264", "-i", stream, "-c", "copy", "-bsf:v", "trace_headers")
    said = _run(*command, "-f", "null", "-", stderr=True)
    found: list[bytearray] = []
    for line in said.splitlines():
        if "User Data Unregistered" in line:
            found.append(bytearray())
        elif (byte := re.search(r"user_data_payload_byte\S*\s+([01]{8})\b", line)) and found:
            found[-1].append(int(byte[1], 2))
    return [json.loads(each) for each in found if each.startswith(b"{")]


def _run(*command: str | Path, stderr: bool = False) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stderr if stderr else done.stdout
