"""Which tests run alone, which share a worker, and which are left out of the quick half: paths below tests/."""

from __future__ import annotations

REALTIME = (
    "api/session/test_hearing_socket.py",
    "bench/attack/test_bench_attack.py",
    "bench/latency/test_bench_browser.py",
    "bench/latency/test_bench_latency.py",
    "bench/load/test_bench_overload.py",
    "browser/test_shown_by_page.py",
    "browser/test_talk.py",
    "client/test_call.py",
    "engine/host/test_background_streams.py",
    "engine/host/test_takeover_time.py",
    "fleet/ray/test_ray_changes.py",
    "fleet/ray/test_ray_fleet.py",
    "integration/test_many_viewers.py",
    "integration/test_preset_moves.py",
    "integration/test_first_mouth.py",
    "integration/test_renders_beside_call.py",
    "integration/test_serve.py",
    "integration/test_shown.py",
    "integration/test_speech.py",
    "integrations/test_livekit_generator.py",
    "integrations/test_livekit_session.py",
    "integrations/test_pipecat_greeter.py",
    "integrations/test_pipecat_service.py",
    "media/peer/test_viewers.py",
    "media/peer/test_voice.py",
    "network",
    "reliability/test_engine_faults.py",
    "reliability/test_engine_reserve.py",
    "reliability/test_server_clock.py",
    "soak/test_soak.py",
    "test_agent_example.py",
    "test_examples.py",
    "test_openai_realtime_example.py",
)
"""Calls between several processes, with claims about what is seen in time: one test after the other, and nothing
beside it but COMPUTE."""

API = ("api",)
"""Routes of servers in this process."""

LOOPBACK = (
    "deploy/test_caddy.py",
    "deploy/test_coturn.py",
    "deploy/test_guide.py",
    "engine/host",
    "fleet/test_failover.py",
    "fleet/test_ingress.py",
    "fleet/test_ingress_doors.py",
    "fleet/test_replica_process.py",
    "fuzz/test_frames.py",
    "fuzz/test_regressions.py",
    "fuzz/test_session_life.py",
    "integration/test_ending.py",
    "integration/test_film_crash.py",
    "reliability/test_data_upgrade.py",
    "reliability/test_disk_full.py",
    "reliability/test_server_end.py",
    "soak/test_cycles.py",
    "soak/test_load_loop.py",
    "sessions/test_pushed.py",
    "sessions/test_session.py",
    "sessions/test_trace.py",
    "transport",
)
"""Servers, workers and calls that mostly wait: one after the other in a worker of their own, beside other tests."""

PAGES = (
    "browser/test_access.py",
    "browser/test_page.py",
    "browser/test_page_first.py",
    "browser/test_page_portraits.py",
    "browser/test_page_settings.py",
    "browser/test_server_states.py",
    "browser/test_sources.py",
)
"""The demo page in Chromium."""

BROWSERS = ("browser",)
"""Everything else in Chromium."""

CALLS = (
    "client",
    "reliability/test_clients_asleep.py",
    "reliability/test_name_server.py",
    "reliability/test_network_addresses.py",
    "media/peer/test_client_floods.py",
    "media/peer/test_forms.py",
    "media/peer/test_peer.py",
    "media/peer/test_setup_time.py",
    "media/peer/test_strangers.py",
)
"""The same for clients other than browsers. Three of a kind at once would be late for one another."""

SLOW = (
    "bench",
    "commands",
    "core/playout/test_hiccups.py",
    "core/playout/test_playout_properties.py",
    "engine/capacity/test_measure.py",
    "engine/flashhead",
    "engine/preview",
    "engine/scheduling/test_slow_machine.py",
    "engine/worker",
    "fleet/ray/test_ray_changes.py",
    "fleet/ray/test_ray_fleet.py",
    "fuzz/test_cost.py",
    "fuzz/test_openapi.py",
    "fuzz/test_portrait_mutations.py",
    "gpu",
    "integration",
    "media/film",
    "media/peer/test_failure.py",
    "media/video/test_encoder.py",
    "models",
    "replay/test_as_live.py",
    "replay/test_silence_replayed.py",
    "sessions/hearing/test_echo.py",
    "sessions/test_drift.py",
    "sessions/test_long_call.py",
    "store/test_decoding.py",
    "test_agent_example.py",
    "test_avatars.py",
    "test_examples.py",
    "test_openai_realtime_example.py",
    "render",
    *API,
    *LOOPBACK,
    *BROWSERS,
    *CALLS,
)
"""Browsers, models, servers, commands in processes of their own, and long simulations: left out of ``make check``."""

COMPUTE = (
    "bench/engine",
    "core/playout",
    "engine/flashhead",
    "engine/scheduling",
    "fuzz/test_openapi.py",
    "gpu",
    "models",
    "replay/test_as_live.py",
    "replay/test_silence_replayed.py",
    "sessions/hearing/test_echo.py",
    "sessions/test_drift.py",
    "sessions/test_long_call.py",
)
"""Models, files and simulations, for minutes, and no claims about time: the tests of REALTIME leave half of the
processor idle, and these take it, at the lowest priority there is."""

TOGETHER = {
    "api": API,
    "loopback": LOOPBACK,
    "pages": PAGES,
    "browsers": BROWSERS,
    "calls": CALLS,
    "ray": ("fleet/ray",),
    "bench media": ("bench/media/test_bench_media.py",),
}
"""Groups that each keep to one worker; what the last one sets up for all its tests takes long."""


def _under(path: str, place: str) -> bool:
    return f"{path}/".startswith(f"{place}/")


def marks(path: str) -> list[str]:
    """The markers of the tests in a file; ``path`` is below tests/, with slashes."""
    kinds = {"compute": COMPUTE, "realtime": REALTIME, "slow": SLOW}
    return [kind for kind, places in kinds.items() if any(_under(path, place) for place in places)]


def group(path: str) -> str | None:
    """The group that the tests of a file belong to, if any: pytest-xdist runs it in one worker."""
    return next((name for name, places in TOGETHER.items() if any(_under(path, place) for place in places)), None)
