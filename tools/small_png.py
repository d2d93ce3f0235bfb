"""Makes pictures of pages small: a palette of few colours, which is all that a page has beside soft edges.

The browser that took the picture counts its colours too; no imaging library is needed for it.
"""

import base64
import struct
import zlib
from typing import Any

from playwright.sync_api import Page

COLOURS = 64
_COUNT = """async ([png, most]) => {
  const blob = await (await fetch(`data:image/png;base64,${png}`)).blob();
  const bitmap = await createImageBitmap(blob);
  const {width, height} = bitmap;
  const canvas = new OffscreenCanvas(width, height).getContext("2d");
  canvas.drawImage(bitmap, 0, 0);
  const pixels = new Uint32Array(canvas.getImageData(0, 0, width, height).data.buffer);
  const counts = new Map();
  for (const pixel of pixels) counts.set(pixel, (counts.get(pixel) ?? 0) + 1);
  const parts = (colour) => [colour & 255, (colour >> 8) & 255, (colour >> 16) & 255];
  // The commonest colours, but none that is hardly another one.
  const palette = [];
  const nearest = (colour) => {
    const [red, green, blue] = parts(colour);
    let best = -1, least = Infinity;
    palette.forEach(([r, g, b], index) => {
      const distance = (red - r) ** 2 + (green - g) ** 2 + (blue - b) ** 2;
      if (distance < least) [best, least] = [index, distance];
    });
    return [best, least];
  };
  for (const [colour] of [...counts].sort((a, b) => b[1] - a[1])) {
    if (palette.length === most) break;
    if (nearest(colour)[1] > 100) palette.push(parts(colour));
  }
  const index = new Map([...counts.keys()].map((colour) => [colour, nearest(colour)[0]]));
  let text = "";
  for (const pixel of pixels) text += String.fromCharCode(index.get(pixel));
  return {width, height, palette, pixels: btoa(text)};
}"""


def shrink(png: str, workbench: Page) -> bytes:
    """Return a picture (base64) as a PNG with a palette; ``workbench`` is an empty page of any origin."""
    counted: dict[str, Any] = workbench.evaluate(_COUNT, [png, COLOURS])
    width, height = counted["width"], counted["height"]
    pixels = base64.b64decode(counted["pixels"])
    rows = b"".join(b"\0" + pixels[row * width : (row + 1) * width] for row in range(height))
    palette = bytes(part for colour in counted["palette"] for part in colour)
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
            _chunk(b"PLTE", palette),
            _chunk(b"IDAT", zlib.compress(rows, 9)),
            _chunk(b"IEND", b""),
        ]
    )


def _chunk(kind: bytes, content: bytes) -> bytes:
    """Return a chunk (PNG specification §5.3)."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
