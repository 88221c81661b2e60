"""Every attack by its name."""

from __future__ import annotations

from livehead.bench.attack.attack import Attack
from livehead.bench.attack.attacks.calls import ChannelFlood, Rtp, Sctp
from livehead.bench.attack.attacks.datagrams import Datagrams, Stun
from livehead.bench.attack.attacks.http import Heads, Log, Slow, Tokens
from livehead.bench.attack.attacks.offers import Offers, Sdp
from livehead.bench.attack.attacks.sockets import Fragments, Messages, SessionMessages, Speech

ATTACKS: dict[str, type[Attack]] = {
    each.name: each
    for each in (
        Offers,
        Slow,
        Heads,
        Messages,
        SessionMessages,
        Speech,
        Fragments,
        Sdp,
        Stun,
        Datagrams,
        Rtp,
        ChannelFlood,
        Sctp,
        Tokens,
        Log,
    )
}
