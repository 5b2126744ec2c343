import { dateTime } from '@grafana/data';

import { timeOf } from './time';

const until = (to: number) => {
  const at = dateTime(to);
  return { from: at, to: at, raw: { from: at, to: at } };
};

describe('timeOf', () => {
  it('is now when the range ends now, and without a range', () => {
    expect(timeOf({}, until(Date.now()))).toBe('');
    expect(timeOf({}, until(Date.now() - 5_000))).toBe('');
    expect(timeOf({}, until(Date.now() + 3_600_000))).toBe('');
    expect(timeOf({})).toBe('');
  });

  it('is the end of a past range', () => {
    expect(timeOf({}, until(Date.UTC(2026, 2, 1, 12)))).toBe('2026-03-01T12:00:00.000Z');
  });

  it('is what the query says', () => {
    expect(timeOf({ time: '-1h' }, until(0))).toBe('-1h');
    expect(timeOf({ time: 'now' }, until(0))).toBe('');
  });
});
