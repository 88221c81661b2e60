"""Offers that use as much of their bounds as fits, changed step by step towards the costliest.

python tests/media/peer/costly_offers.py 60      search for a minute by the clock, and print what it found
"""

from __future__ import annotations

import contextlib
import random
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from executed_lines import executed_lines
from livehead.core.limits import MAX_CANDIDATES, MAX_SDP, MAX_SDP_LINE, MAX_SDP_LINES
from livehead.errors import RequestError
from livehead.media.peer.offer import read_offer
from livehead.media.peer.sdp_bounds import MAX_FEEDBACK, MAX_FORMATS, MAX_ITEMS, MAX_PARAMETERS, MOST_LINES

TRANSPORT = (
    "a=ice-ufrag:RB22\na=ice-pwd:gK/+QIKQTWCIin6GjSzigrE3\na=fingerprint:sha-256 00\na=setup:actpass\na=rtcp-mux\n"
)
HEAD = f"v=0\na=group:BUNDLE 0 1 2\n{TRANSPORT}"
SECTIONS = (
    "m=audio 9 UDP/TLS/RTP/SAVPF {formats}\na=mid:0\na=rtcp-mux\na=rtpmap:111 opus/48000\n",
    "m=video 9 UDP/TLS/RTP/SAVPF {formats}\na=mid:1\na=rtcp-mux\na=rtpmap:96 VP8/90000\n",
    "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\na=mid:2\n",
)
H264 = "packetization-mode=1;profile-level-id=42e01f"

MORE: dict[str, tuple[int, Callable[[int], str]]] = {
    "rtpmap": (MOST_LINES["rtpmap"] - 1, lambda n: f"a=rtpmap:{n} x/1"),
    "the same rtpmap": (MOST_LINES["rtpmap"] - 1, lambda n: "a=rtpmap:96 VP8/90000"),
    "H264": (MOST_LINES["rtpmap"] - 1, lambda n: f"a=rtpmap:{64 + n} H264/90000"),
    "rtx": (MOST_LINES["rtpmap"] - 1, lambda n: f"a=rtpmap:{n} rtx/90000"),
    "fmtp of the first": (MOST_LINES["fmtp"], lambda n: "a=fmtp:96 apt=96"),
    "fmtp of the last": (MOST_LINES["fmtp"], lambda n: f"a=fmtp:{64 + n} {H264}"),
    "long fmtp": (MOST_LINES["fmtp"], lambda n: "a=fmtp:96 " + ";".join(f"{k}=" for k in range(MAX_PARAMETERS))),
    "rtcp-fb": (MOST_LINES["rtcp-fb"], lambda n: f"a=rtcp-fb:{n} x"),
    "rtcp-fb of the last": (MAX_FEEDBACK, lambda n: "a=rtcp-fb:96 nack"),
    "rtcp-fb:*": (MAX_FEEDBACK, lambda n: "a=rtcp-fb:* nack pli"),
    "extmap": (MOST_LINES["extmap"], lambda n: f"a=extmap:{n} x"),
    "extmap of ours": (MOST_LINES["extmap"], lambda n: "a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid"),
    "ssrc": (MOST_LINES["ssrc"], lambda n: f"a=ssrc:{n} cname:x"),
    "ssrc-group": (MOST_LINES["ssrc-group"], lambda n: "a=ssrc-group:F" + " 1" * (MAX_ITEMS - 1)),
    "fingerprint": (MOST_LINES["fingerprint"], lambda n: "a=fingerprint:sha-256 00"),
    "candidate": (MAX_CANDIDATES, lambda n: f"a=candidate:1 1 udp {n + 1} 64:ff9b::808:{n} 9999 typ host"),
    "long candidate": (
        MAX_CANDIDATES,
        lambda n: ("a=candidate:1 1 udp 1 ::1 9999 typ host" + " a b" * 240)[:MAX_SDP_LINE],
    ),
    "nothing": (MAX_SDP_LINES, lambda n: "a=x"),
    "direction": (MAX_SDP_LINES, lambda n: "a=sendrecv"),
    "address": (MAX_SDP_LINES, lambda n: "c=IN IP4 1.1.1.1"),
}
FORMATS = ("111 96", " ".join(["96"] * MAX_FORMATS), " ".join(map(str, range(64))))


@dataclass(frozen=True, slots=True)
class Plan:
    """How many lines of what each section has."""

    formats: int = 0
    lines: dict[tuple[int, str], int] = field(default_factory=dict)

    def text(self) -> str:
        """The offer, without what the bounds have no room for."""
        parts = [HEAD]
        families: dict[str, int] = {}
        left_lines, left = MAX_SDP_LINES - 30, MAX_SDP - 1024
        for number, section in enumerate(SECTIONS):
            parts.append(section.format(formats=FORMATS[self.formats]))
            left -= len(parts[-1])
            for name, (_, line) in MORE.items():
                attribute = line(0)[2:].partition(":")[0]
                for n in range(self.lines.get((number, name), 0)):
                    more = line(n) + "\n"
                    families[attribute] = families.get(attribute, 0) + 1
                    if (
                        left < len(more)
                        or left_lines < 1
                        or families[attribute] > MOST_LINES.get(attribute, MAX_SDP_LINES) - 3
                    ):
                        break
                    left, left_lines = left - len(more), left_lines - 1
                    parts.append(more)
        return "".join(parts)

    def change(self, chance: random.Random) -> Plan:
        lines = dict(self.lines)
        for _ in range(chance.randint(1, 4)):
            name = chance.choice(list(MORE))
            most = MORE[name][0]
            lines[chance.randrange(len(SECTIONS)), name] = chance.choice((0, most, most // 2, chance.randint(0, most)))
        return Plan(chance.randrange(len(FORMATS)) if chance.random() < 0.1 else self.formats, lines)


def read(text: str) -> None:
    with contextlib.suppress(RequestError):
        read_offer(text)


def lines_executed(text: str) -> float:
    """Lines of Python that reading an offer takes: the same everywhere."""
    with executed_lines() as count:
        read(text)
    return count.lines


def seconds(text: str) -> float:
    """Processor time, the least of five."""
    least = float("inf")
    for _ in range(5):
        began = time.thread_time()
        read(text)
        least = min(least, time.thread_time() - began)
    return least


def costliest(cost: Callable[[str], float], chance: random.Random, go_on: Callable[[int], bool]) -> tuple[float, str]:
    """Hill-climbing over plans, for as long as ``go_on`` says so of the number of tries."""
    kept = [(cost(Plan().text()), Plan())]
    tries = 0
    while go_on(tries):
        plan = chance.choice(kept)[1].change(chance)
        kept = sorted([*kept, (cost(plan.text()), plan)], key=lambda each: -each[0])[:6]
        tries += 1
    return kept[0][0], kept[0][1].text()


def main() -> None:
    until = time.monotonic() + float(sys.argv[1])
    found, text = costliest(seconds, random.Random(), lambda tries: time.monotonic() < until)
    print(text)
    print(f"{found * 1000:.2f} ms, {lines_executed(text):.0f} lines, {len(text)} characters")


if __name__ == "__main__":
    main()
