import { fromBytes, toBytes } from './offsets';

const TEXTS = ['', 'G.V()', "G.V('Näme')", "G.V('名前').Out()", "G.V('🦆', '🦆x')", 'é', '\ud83e'];

describe('offsets', () => {
  it.each([
    ['G.V()', 3, 3],
    ["V('ä')", 3, 3],
    ["V('ä')", 4, 5],
    ["V('名')x", 5, 7],
    ["V('🦆')x", 5, 7],
    ["V('🦆')x", 7, 9],
    ['ab', 99, 2],
  ])('%j: the place %d is byte %d', (text, units, bytes) => {
    expect(toBytes(text, units)).toBe(bytes);
  });

  it.each([
    ["V('ä')", 5, 4],
    ["V('ä')", 4, 3],
    ["V('🦆')", 3, 3],
    ["V('🦆')", 5, 3],
    ["V('🦆')", 7, 5],
    ['ab', 99, 2],
    ['ab', -1, 0],
  ])('%j: byte %d is the place %d', (text, bytes, units) => {
    expect(fromBytes(text, bytes)).toBe(units);
  });

  it.each(TEXTS)('%j: there and back, and as the server counts', (text) => {
    let units = 0;
    for (const c of text) {
      expect(fromBytes(text, toBytes(text, units))).toBe(units);
      units += c.length;
    }
    expect(toBytes(text, text.length)).toBe(Buffer.byteLength(text));
  });
});
