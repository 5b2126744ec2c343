import { FieldType, LoadingState, dateTime, toDataFrame, type DataQueryRequest } from '@grafana/data';
import { Subject, of } from 'rxjs';

import { appendRows, channelOf, endsNow, hash, joining, liveMode, rerun, streaming, withFreshRange } from './live';
import type { SkeinQuery } from './types';

const request = (from: string, to: string) => {
  const at = dateTime(0);
  return {
    rangeRaw: { from, to },
    range: { from: at, to: at, raw: { from, to } },
    timezone: 'utc',
  } as DataQueryRequest<SkeinQuery>;
};

describe('liveMode', () => {
  it.each([
    [{ queryType: 'topology' }, 'revision'],
    [{ queryType: 'table' }, 'revision'],
    [{ queryType: 'diff' }, 'revision'],
    [{ queryType: 'timeseries' }, 'revision'],
    [{ queryType: 'timeseries', series: 'flows' }, 'off'],
    [{ queryType: 'events' }, 'stream'],
    [{ queryType: 'flows' }, 'stream'],
    [{ queryType: 'flows', flows: 'top' }, 'off'],
    [{ queryType: 'status' }, 'off'],
    [{ queryType: 'topology', time: '-1h' }, 'off'],
    [{ queryType: 'topology', live: false }, 'off'],
  ] as Array<[Partial<SkeinQuery>, string]>)('%j: %s', (query, mode) => {
    expect(liveMode({ refId: 'A', live: true, ...query })).toBe(mode);
  });

  it('is for time ranges that end now', () => {
    expect(endsNow(request('now-1h', 'now'))).toBe(true);
    expect(endsNow(request('now/d', 'now/d'))).toBe(true);
    expect(endsNow(request('now-1h', 'now-5m'))).toBe(false);
    expect(endsNow(request('2026-01-01', '2026-01-02'))).toBe(false);
  });

  it('moves the time range on', () => {
    const fresh = withFreshRange(request('now-1h', 'now'));
    expect(Date.now() - fresh.range.to.valueOf()).toBeLessThan(60_000);
    expect(fresh.range.to.diff(fresh.range.from, 'minutes')).toBe(60);
  });
});

describe('channelOf', () => {
  const query: SkeinQuery = { refId: 'A', queryType: 'flows', filter: { port: '443' } };

  it('names a channel by what is asked', () => {
    const a = channelOf('uid', query);
    expect(a).toMatchObject({ scope: 'ds', stream: 'uid', namespace: 'uid', data: query });
    expect(a.path).toMatch(/^flows\/[0-9a-f]{16}$/);
    expect(channelOf('uid', { ...query, filter: { port: '80' } }).path).not.toBe(a.path);
    expect(channelOf('uid', { ...query, editor: 'code', hide: true, live: true }).path).toBe(a.path);
    expect(channelOf('uid', { ...query, queryType: 'events' }).path).toMatch(/^changes\//);
  });

  it('hashes as FNV-1a does', () => {
    expect(hash('').slice(0, 8)).toBe('811c9dc5');
    expect(hash('a').slice(0, 8)).toBe('e40c292c');
  });
});

describe('rerun', () => {
  it('runs once for all that happens during a run', () => {
    const trigger = new Subject<void>();
    const runs: Array<Subject<number>> = [];
    const got: number[] = [];
    const sub = rerun(trigger, () => {
      const s = new Subject<number>();
      runs.push(s);
      return s;
    }).subscribe((v) => got.push(v));
    trigger.next();
    trigger.next();
    trigger.next();
    expect(runs).toHaveLength(1);
    runs[0].next(1);
    runs[0].complete();
    expect(runs).toHaveLength(2);
    runs[1].next(2);
    runs[1].complete();
    expect(runs).toHaveLength(2);
    trigger.next();
    sub.unsubscribe();
    expect(runs[2].observed).toBe(false);
    expect(trigger.observed).toBe(false);
    expect(got).toEqual([1, 2]);
  });

  it('copes with runs that end at once', () => {
    const trigger = new Subject<void>();
    const got: number[] = [];
    rerun(trigger, () => of(1)).subscribe((v) => got.push(v));
    trigger.next();
    trigger.next();
    expect(got).toEqual([1, 1]);
  });
});

describe('streaming', () => {
  it('keeps errors', () => {
    expect(streaming({ data: [] }, 'k')).toMatchObject({ key: 'k', state: LoadingState.Streaming });
    expect(streaming({ data: [], state: LoadingState.Error }, 'k').state).toBe(LoadingState.Error);
  });
});

describe('appendRows', () => {
  const frame = (rows: Array<[number, string]>, extra = false) =>
    toDataFrame({
      refId: 'A',
      fields: [
        { name: 'Last', type: FieldType.time, values: rows.map((r) => r[0]) },
        { name: 'ID', type: FieldType.string, values: rows.map((r) => r[1]) },
        ...(extra ? [{ name: 'lost', type: FieldType.number, values: rows.map(() => 0) }] : []),
      ],
    });
  const rows = (f?: ReturnType<typeof appendRows>) => f?.fields[0].values.map((v, i) => [v, f.fields[1].values[i]]);

  it('puts flows on top, each once', () => {
    const how = joining({ refId: 'A', queryType: 'flows', limit: 3 });
    const past = frame([
      [5, 'a'],
      [4, 'b'],
      [3, 'c'],
    ]);
    const news = frame(
      [
        [6, 'b'],
        [7, 'd'],
        [8, 'd'],
      ],
      true
    );
    const joined = appendRows(past, news, how);
    expect(rows(joined)).toEqual([
      [8, 'd'],
      [6, 'b'],
      [5, 'a'],
    ]);
    expect(joined?.length).toBe(3);
    expect(joined?.fields).toHaveLength(2);
  });

  it('puts events at the end', () => {
    const how = { ...joining({ refId: 'A', queryType: 'events' }), limit: 3 };
    const joined = appendRows(
      frame([
        [1, 'a'],
        [2, 'b'],
      ]),
      frame([
        [3, 'c'],
        [4, 'c'],
      ]),
      how
    );
    expect(rows(joined)).toEqual(
      [
        [2, 'b'],
        [3, 'c'],
        [4, 'c'],
      ].slice(-3)
    );
  });

  it('does not mix tables', () => {
    const other = toDataFrame({ fields: [{ name: 'x', values: [1] }] });
    expect(appendRows(frame([[1, 'a']]), other, joining({ refId: 'A' }))).toBeUndefined();
  });
});
