"""Room in logs that are kept by age: what is done goes early, before the byte limit refuses what is new."""

from __future__ import annotations

from natter.telemetry import names

from .api import Bus

# Above this share of the byte limit the oldest part goes; below it everything stays for the whole resume window.
FULL_SHARE = 0.6
# How much of the log goes at a time.
PART = 4


async def trim(bus: Bus, stream: str, subject: str, done: int) -> bool:
    """Forget the oldest part of `subject` when the js_stream is filling up; never what lies above `done`.

    Returns whether it is filling up.

    A lane or shard keeps what was worked on for the resume window, so that a session can be taken over from it. Under
    a load that would fill the js_stream within the window, a shorter window is better than a refusal.
    """
    usage = await bus.usage(stream)
    if usage.bytes_max <= 0 or usage.bytes_used < usage.bytes_max * FULL_SHARE:
        return False
    oldest = await bus.read(stream, subject, limit=1)
    if oldest and oldest[0].sequence < done:
        first = oldest[0].sequence
        names.TRIMMED.add(stream)
        await bus.purge(stream, subject, below=first + 1 + (done - first) // PART)
    return True
