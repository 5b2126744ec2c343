import { literal, quote, readLiteral, segments } from './text';

describe('text', () => {
  it.each([
    ['eth0', `'eth0'`],
    [`it's`, `'it\\'s'`],
    [`a "b"`, `'a \\"b\\"'`],
    ['eth\\d+', `'eth\\\\d+'`],
    ['a\nb\tc\r', `'a\\nb\\tc\\u000d'`],
    ['名前🦆', `'名前🦆'`],
  ])('writes %j as %s and reads it back', (value, written) => {
    expect(quote(value)).toBe(written);
    expect(readLiteral(written)).toBe(value);
  });

  it.each([
    [1500, '1500'],
    [-1.5, '-1.5'],
    [true, 'TRUE'],
    [false, 'FALSE'],
    ['1500', `'1500'`],
    [Number.NaN, `'NaN'`],
  ])('writes %p as %s', (value, written) => {
    expect(literal(value)).toBe(written);
  });

  it.each([
    ['1500', 1500],
    ['TRUE', true],
    [`"x"`, 'x'],
    ['G', undefined],
    ['NE(1)', undefined],
  ])('reads %s as %p', (written, value) => {
    expect(readLiteral(written)).toBe(value);
  });

  it.each([
    [`G.V('a', "b")`, ['G.V(', '[a]', ', ', '[b]', ')']],
    [`V('it\\'s')`, ['V(', "[it\\'s]", ')']],
    [`V('open`, ['V(', '[open]']],
    [`V('open\\`, ['V(', '[open\\]']],
    [`''`, []],
    ['', []],
  ])('cuts %s at its quotes', (text, want) => {
    const got = segments(text).map((s) => {
      const part = text.slice(s.from, s.to);
      return s.quoted ? `[${part}]` : part.replace(/['"]/g, '');
    });
    expect(got.filter((p) => p !== '')).toEqual(want);
  });
});
