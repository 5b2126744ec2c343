import {
  CoreApp,
  FieldType,
  LoadingState,
  dateTime,
  toDataFrame,
  type DataQueryRequest,
  type DataQueryResponse,
  type DataSourceInstanceSettings,
} from '@grafana/data';
import { DataSourceWithBackend } from '@grafana/runtime';
import { Subject, of, throwError, type Observable } from 'rxjs';

import { SkeinDataSource } from './datasource';
import { fakeTemplates } from './testing';
import type { SkeinVariables } from './variables';
import type { SkeinOptions, SkeinQuery } from './types';

const live = { getDataStream: jest.fn() };
const mockTemplates = jest.fn(() => fakeTemplates({}));

jest.mock('@grafana/runtime', () => ({
  ...jest.requireActual('@grafana/runtime'),
  getTemplateSrv: () => mockTemplates(),
  getGrafanaLiveSrv: () => live,
}));

const backend = jest.spyOn(DataSourceWithBackend.prototype, 'query');

const newDataSource = () =>
  new SkeinDataSource({
    id: 1,
    uid: 'uid',
    type: 'skein-topology-datasource',
    name: 'Skein',
    jsonData: {},
  } as unknown as DataSourceInstanceSettings<SkeinOptions>);

const requestOf = (
  targets: SkeinQuery[],
  change: Partial<DataQueryRequest<SkeinQuery>> = {}
): DataQueryRequest<SkeinQuery> => {
  const now = dateTime();
  const raw = { from: 'now-1h', to: 'now' };
  return {
    requestId: 'Q1',
    interval: '1s',
    intervalMs: 1000,
    startTime: 0,
    timezone: 'utc',
    scopedVars: {},
    app: CoreApp.Dashboard,
    range: { from: now, to: now, raw },
    rangeRaw: raw,
    targets,
    ...change,
  };
};

const collect = (o: Observable<DataQueryResponse>) => {
  const got: DataQueryResponse[] = [];
  return { got, sub: o.subscribe((r) => got.push(r)) };
};

beforeEach(() => {
  jest.clearAllMocks();
  mockTemplates.mockReturnValue(fakeTemplates({}));
  backend.mockImplementation((request) => of({ data: [], key: request.requestId }));
});

describe('queries', () => {
  it('starts with the network as a graph, in alert rules with counters', () => {
    const ds = newDataSource();
    expect(ds.getDefaultQuery(CoreApp.Explore)).toMatchObject({ queryType: 'topology', gremlin: 'G' });
    expect(ds.getDefaultQuery(CoreApp.UnifiedAlerting)).toMatchObject({ queryType: 'timeseries', series: 'interface' });
  });

  it.each([
    [{}, true],
    [{ queryType: 'table' }, false],
    [{ queryType: 'table', gremlin: ' ' }, false],
    [{ queryType: 'table', gremlin: 'G' }, true],
    [{ queryType: 'timeseries' }, false],
    [{ queryType: 'timeseries', series: 'flows' }, true],
    [{ queryType: 'flows' }, true],
    [{ queryType: 'events' }, true],
    [{ queryType: 'status' }, true],
    [{ queryType: 'topology', hide: true }, false],
  ] as Array<[Partial<SkeinQuery>, boolean]>)('%j runs: %s', (query, runs) => {
    expect(newDataSource().filterQuery({ refId: 'A', ...query })).toBe(runs);
  });

  it('fills variables in and keeps the editor’s notes to itself', () => {
    mockTemplates.mockReturnValue(fakeTemplates({ type: ['a', 'b'] }));
    const got = newDataSource().applyTemplateVariables(
      { refId: 'A', gremlin: 'G.V($type)', editor: 'builder', builder: { start: 'all', of: [], where: [] } },
      {}
    );
    expect(got).toEqual({
      refId: 'A',
      queryType: 'topology',
      gremlin: "G.V('a', 'b')",
      editor: undefined,
      builder: undefined,
    });
  });

  it('names queries', () => {
    expect(newDataSource().getQueryDisplayText({ refId: 'A', queryType: 'diff', gremlin: 'G' })).toBe('diff G');
  });
});

describe('links', () => {
  it('tells the backend where it is asked from', () => {
    mockTemplates.mockReturnValue(
      fakeTemplates({ __all_variables: 'var-ds=x&var-expand=host%3Da&var-expanded=y&var-host=a%26b' })
    );
    newDataSource().query(requestOf([{ refId: 'A' }], { dashboardUID: 'skein-overview' }));
    expect(backend.mock.calls[0][0].targets[0]).toMatchObject({
      link: { dashboard: '/d/skein-overview', params: 'var-ds=x&var-expanded=y&var-host=a%26b', app: 'dashboard' },
    });
  });

  it('leaves out the variable that the query names', () => {
    mockTemplates.mockReturnValue(fakeTemplates({ __all_variables: 'var-ds=x&var-open=1' }));
    newDataSource().query(requestOf([{ refId: 'A', expandVariable: 'open' }], { dashboardUID: 'd' }));
    expect(backend.mock.calls[0][0].targets[0]).toMatchObject({ link: { params: 'var-ds=x' } });
  });

  it('has none in Explore, and none where there are no variables', () => {
    const ds = newDataSource();
    ds.query(requestOf([{ refId: 'A' }], { app: CoreApp.Explore }));
    ds.query(requestOf([{ refId: 'A' }], { dashboardUID: 'd' }));
    expect(backend.mock.calls.map((c) => c[0].targets[0])).toMatchObject([
      { link: { dashboard: '', params: '', app: 'explore' } },
      { link: { dashboard: '/d/d', params: '' } },
    ]);
  });
});

describe('live queries', () => {
  const frame = (...ids: string[]) =>
    toDataFrame({ refId: 'A', fields: [{ name: 'ID', type: FieldType.string, values: ids }] });

  it('asks plainly when nothing is live or the range is past', () => {
    const ds = newDataSource();
    collect(ds.query(requestOf([{ refId: 'A', live: false }])));
    collect(ds.query(requestOf([{ refId: 'A', live: true }], { rangeRaw: { from: 'now-2d', to: 'now-1d' } })));
    expect(live.getDataStream).not.toHaveBeenCalled();
    expect(backend.mock.calls.map((c) => c[0].requestId)).toEqual(['Q1', 'Q1']);
  });

  it('asks again when the graph has changed', () => {
    jest.useFakeTimers();
    const revisions = new Subject<DataQueryResponse>();
    live.getDataStream.mockReturnValue(revisions);
    const ds = newDataSource();
    const { got, sub } = collect(ds.query(requestOf([{ refId: 'A', live: true }, { refId: 'B' }])));
    expect(live.getDataStream.mock.calls[0][0].addr).toMatchObject({ stream: 'uid', path: 'revision' });
    expect(backend.mock.calls.map((c) => [c[0].requestId, c[0].targets.map((t) => t.refId)])).toEqual([
      ['Q1-still', ['B']],
      ['Q1-live', ['A']],
    ]);
    expect(got.map((r) => [r.key, r.state])).toEqual([
      ['still', undefined],
      ['live', LoadingState.Streaming],
    ]);
    revisions.next({ data: [frame()] });
    expect(backend).toHaveBeenCalledTimes(2);
    revisions.next({ data: [frame('1')] });
    expect(backend).toHaveBeenCalledTimes(3);
    revisions.next({ data: [frame('2')] });
    revisions.next({ data: [frame('3')] });
    expect(backend).toHaveBeenCalledTimes(3);
    jest.advanceTimersByTime(2000);
    expect(backend).toHaveBeenCalledTimes(4);
    sub.unsubscribe();
    expect(revisions.observed).toBe(false);
    jest.useRealTimers();
  });

  it('goes on without a stream', () => {
    live.getDataStream.mockReturnValue(throwError(() => new Error('no stream')));
    const { got } = collect(newDataSource().query(requestOf([{ refId: 'A', live: true }])));
    expect(got).toHaveLength(1);
  });

  it('adds rows that come to those that there are', () => {
    const rows = new Subject<DataQueryResponse>();
    live.getDataStream.mockReturnValue(rows);
    backend.mockImplementation(() => of({ data: [frame('a', 'b')] }));
    const { got, sub } = collect(newDataSource().query(requestOf([{ refId: 'A', queryType: 'flows', live: true }])));
    expect(live.getDataStream.mock.calls[0][0].addr.path).toMatch(/^flows\//);
    rows.next({ data: [frame()] });
    rows.next({ data: [frame('c')] });
    expect(got.map((r) => r.data[0].fields[0].values)).toEqual([
      ['a', 'b'],
      ['c', 'a', 'b'],
    ]);
    expect(got[1]).toMatchObject({ key: 'stream-A', state: LoadingState.Streaming });
    sub.unsubscribe();
    expect(rows.observed).toBe(false);
  });

  it('shows an error of the query, and rows that come all the same', () => {
    const rows = new Subject<DataQueryResponse>();
    live.getDataStream.mockReturnValue(rows);
    backend.mockImplementation(() => of({ data: [], state: LoadingState.Error }));
    const { got } = collect(newDataSource().query(requestOf([{ refId: 'A', queryType: 'events', live: true }])));
    expect(got[0].state).toBe(LoadingState.Error);
    rows.next({ data: [frame('c')] });
    expect(got[1].data).toHaveLength(1);
  });
});

describe('annotations', () => {
  const { annotations } = newDataSource();

  it('begins with what came and went', () => {
    const fresh = annotations?.prepareAnnotation?.({ name: 'x' });
    expect(fresh?.target).toMatchObject({ queryType: 'events', what: 'nodes', ops: ['added', 'removed'] });
    expect(
      annotations?.prepareQuery?.({
        name: 'x',
        enable: true,
        iconColor: 'red',
        target: { refId: 'B', what: 'edges', live: true },
      })
    ).toMatchObject({
      refId: 'B',
      queryType: 'events',
      what: 'edges',
      live: false,
    });
  });
});

describe('variables', () => {
  it('asks the backend, with other variables filled in', async () => {
    mockTemplates.mockReturnValue(fakeTemplates({ type: ['veth', 'tun'] }));
    const ds = newDataSource();
    const ask = jest.spyOn(ds.resources, 'variable').mockResolvedValue([{ value: 'id1', text: 'eth0' }]);
    const request = requestOf([]);
    const run = (target: object) =>
      new Promise<DataQueryResponse>((resolve, reject) => {
        (ds.variables as SkeinVariables)
          .query({ ...request, targets: [{ refId: 'v', ...target }] })
          .subscribe({ next: resolve, error: reject });
      });
    expect(await run({ refId: 'v', gremlin: "G.V().Has('Type', WITHIN($type))" })).toEqual({
      data: [{ text: 'eth0', value: 'id1' }],
    });
    expect(ask).toHaveBeenCalledWith(
      expect.objectContaining({ kind: 'gremlin', gremlin: "G.V().Has('Type', WITHIN('veth', 'tun'))", at: '' })
    );
    await run({ refId: 'v' });
    expect(ask).toHaveBeenLastCalledWith(expect.objectContaining({ kind: 'hosts' }));
    expect(await run({ refId: 'v', kind: 'values' })).toEqual({ data: [] });
    expect(ask).toHaveBeenCalledTimes(2);
    ask.mockRejectedValue(new Error('away'));
    await expect(run({ refId: 'v', kind: 'types' })).rejects.toThrow('away');
  });
});
