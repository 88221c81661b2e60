"""GET /v1/avatars/{id}/image: the file, or something lighter for browsers."""

from __future__ import annotations

import io

import httpx
import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATH = "/v1/avatars/default/image"
BROWSER = {"Accept": "image/avif,image/webp,image/apng,*/*;q=0.8"}


async def test_browsers_get_a_light_one_that_looks_the_same(client: httpx.AsyncClient) -> None:
    file, light = await client.get(PATH), await client.get(PATH, headers=BROWSER)
    assert (file.headers["content-type"], light.headers["content-type"]) == ("image/png", "image/webp")
    assert len(light.content) < min(120_000, len(file.content) / 4)
    assert light.headers["vary"].startswith("Accept")
    assert file.headers["vary"].startswith("Accept")
    exact, near = (np.asarray(Image.open(io.BytesIO(each.content)).convert("RGB"), np.int16) for each in (file, light))
    assert exact.shape == near.shape
    assert np.abs(exact - near).mean() < 2.5


async def test_each_form_has_its_tag(client: httpx.AsyncClient) -> None:
    file, light = await client.get(PATH), await client.get(PATH, headers=BROWSER)
    assert file.headers["etag"] != light.headers["etag"]
    again = await client.get(PATH, headers=BROWSER | {"If-None-Match": light.headers["etag"]})
    assert (again.status_code, again.headers["etag"]) == (304, light.headers["etag"])
    other = await client.get(PATH, headers=BROWSER | {"If-None-Match": file.headers["etag"]})
    assert other.status_code == 200
