"""axe-core, which finds what keeps people from using a page: https://github.com/dequelabs/axe-core."""

from __future__ import annotations

from functools import cache

from npm import installed
from visiting import Visit

VERSION = "4.14.1"

RUN = """async () => {
  const { violations } = await axe.run(document, { resultTypes: ['violations'] });
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target, any, all, none }) =>
    `${target.join(' ')} (${[...any, ...all, ...none].map(({ message }) => message).join('; ')})`).join(' | ')}`);
}"""

SETTLED = """async () => {
  const ending = document.getAnimations().filter(({ effect }) => effect.getComputedTiming().endTime < 5000);
  const late = new Promise((done) => setTimeout(done, 1000));
  await Promise.race([late, Promise.all(ending.map(({ finished }) => finished.catch(() => {})))]);
}"""
"""Colours that change slowly have changed."""


@cache
def source() -> str:
    return (installed({"axe-core": VERSION}) / "node_modules" / "axe-core" / "axe.min.js").read_text("utf-8")


async def accessible(visit: Visit, *schemes: str) -> None:
    """axe finds nothing on the page as it is, in each of the colour schemes ``light`` and ``dark``."""
    if not await visit.page.evaluate("'axe' in window"):
        await visit.page.evaluate(source())
    for scheme in schemes or ("light", "dark"):
        await visit.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        await visit.page.evaluate(SETTLED)
        found = await visit.page.evaluate(RUN)
        assert found == [], f"{scheme}: {found}"
