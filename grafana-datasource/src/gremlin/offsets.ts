// The server counts a query's text in bytes of UTF-8, the browser in units of
// UTF-16, the editor in lines and columns. Only the first two are translated
// here; the editor knows its own.

/** measure tells how many bytes the character that starts with a unit takes, and how many units. */
function measure(text: string, at: number): { bytes: number; units: number } {
  const code = text.codePointAt(at) ?? 0;
  if (code < 0x80) {
    return { bytes: 1, units: 1 };
  }
  if (code < 0x800) {
    return { bytes: 2, units: 1 };
  }
  // A lone half of a pair is sent as U+FFFD, which has three bytes as well.
  return code < 0x10000 ? { bytes: 3, units: 1 } : { bytes: 4, units: 2 };
}

/** toBytes translates an offset in UTF-16 units to one in bytes. */
export function toBytes(text: string, offset: number): number {
  let bytes = 0;
  for (let i = 0; i < text.length && i < offset;) {
    const c = measure(text, i);
    bytes += c.bytes;
    i += c.units;
  }
  return bytes;
}

/**
 * fromBytes translates an offset in bytes to one in UTF-16 units. An offset
 * inside a character is that of the character, one behind the text its end.
 */
export function fromBytes(text: string, offset: number): number {
  let bytes = 0;
  let i = 0;
  while (i < text.length) {
    const c = measure(text, i);
    if (bytes + c.bytes > offset) {
      break;
    }
    bytes += c.bytes;
    i += c.units;
  }
  return i;
}
