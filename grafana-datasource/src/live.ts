import {
  LiveChannelScope,
  LoadingState,
  StreamingFrameAction,
  rangeUtil,
  type DataFrame,
  type DataQueryRequest,
  type DataQueryResponse,
  type LiveChannelAddress,
} from '@grafana/data';
import { Observable, type Subscription } from 'rxjs';

import { typeOf } from './defaults';
import { DEFAULT_EVENT_LIMIT, DEFAULT_FLOW_LIMIT, type SkeinQuery } from './types';

/** How a live query hears of news: nothing, the graph's revision, or rows as they come. */
export type LiveMode = 'off' | 'revision' | 'stream';

/** The most rows of a table that grows. */
const MAX_ROWS = 10000;

/** liveMode tells how a query is kept up to date. */
export function liveMode(query: SkeinQuery): LiveMode {
  if (!query.live || query.time) {
    return 'off';
  }
  switch (typeOf(query)) {
    case 'topology':
    case 'table':
    case 'diff':
      return 'revision';
    case 'timeseries':
      return query.series === 'flows' ? 'off' : 'revision';
    case 'events':
      return 'stream';
    case 'flows':
      return (query.flows ?? 'list') === 'list' ? 'stream' : 'off';
    default:
      return 'off';
  }
}

/** endsNow tells whether a request's time range moves with the clock: a past one has no news. */
export function endsNow(request: DataQueryRequest<SkeinQuery>): boolean {
  const to = request.rangeRaw?.to;
  return typeof to === 'string' && to.startsWith('now') && !to.includes('-');
}

/** withFreshRange is the request as it would be made now. */
export function withFreshRange<T extends DataQueryRequest<SkeinQuery>>(request: T): T {
  if (!request.rangeRaw || request.rangeRaw.to === undefined) {
    return request;
  }
  const range = rangeUtil.convertRawToRange(request.rangeRaw, request.timezone);
  return { ...request, range };
}

/** hash is FNV-1a over the units of a text, 64 bits in two halves, in hexadecimal. */
export function hash(text: string): string {
  const half = (seed: number) => {
    let h = seed;
    for (let i = 0; i < text.length; i++) {
      h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
    }
    return (h >>> 0).toString(16).padStart(8, '0');
  };
  return half(0x811c9dc5) + half(0x9e3779b9);
}

/** streamed is what of a query makes up a stream: not where it is shown, nor the editor's notes. */
function streamed(query: SkeinQuery): SkeinQuery {
  const { builder, editor, link, hide, datasource, live, key, ...rest } = query;
  return rest;
}

/** address names a channel of a datasource; Grafana before 12.4 calls the stream a namespace. */
function address(uid: string, path: string, data?: SkeinQuery): LiveChannelAddress & { namespace: string } {
  return { scope: LiveChannelScope.DataSource, stream: uid, namespace: uid, path, data };
}

/** channelOf is the address of the rows that a query waits for. */
export function channelOf(uid: string, query: SkeinQuery): LiveChannelAddress {
  const data = streamed(query);
  const path = typeOf(query) === 'flows' ? 'flows' : 'changes';
  const { refId, ...content } = data;
  return address(uid, `${path}/${hash(refId + JSON.stringify(content))}`, data);
}

/** revisionChannel is the address of the graph's revision. */
export function revisionChannel(uid: string): LiveChannelAddress {
  return address(uid, 'revision');
}

/** What to keep of a stream: streams carry parts of a table, which add up. */
export const STREAM_BUFFER = { maxLength: MAX_ROWS, maxDelta: Infinity, action: StreamingFrameAction.Append };

/**
 * rerun runs a query each time that something happens, one run after the other:
 * what happens during a run is answered by one more run after it.
 */
export function rerun<T>(trigger: Observable<unknown>, run: () => Observable<T>): Observable<T> {
  return new Observable<T>((subscriber) => {
    let again = false;
    let running: Subscription | undefined;
    const start = () => {
      again = false;
      // A run that ends at once does so before `running` is set.
      let done = false;
      const current = run().subscribe({
        next: (v) => subscriber.next(v),
        error: (err) => subscriber.error(err),
        complete: () => {
          done = true;
          running = undefined;
          if (again) {
            start();
          }
        },
      });
      if (!done) {
        running = current;
      }
    };
    const listening = trigger.subscribe({
      next: () => {
        if (running) {
          again = true;
        } else {
          start();
        }
      },
      error: (err) => subscriber.error(err),
    });
    return () => {
      listening.unsubscribe();
      running?.unsubscribe();
    };
  });
}

/** streaming marks an answer as one that goes on. */
export function streaming(response: DataQueryResponse, key: string): DataQueryResponse {
  const state = response.state === LoadingState.Error ? LoadingState.Error : LoadingState.Streaming;
  return { ...response, key, state };
}

/** How rows of a stream join a table. */
export interface Joining {
  /** Names of the fields that tell rows apart: of the same row, the newest stays. */
  unique: string[];
  newestFirst: boolean;
  limit: number;
}

/** joining tells how what is streamed for a query joins what the query gave. */
export function joining(query: SkeinQuery): Joining {
  return typeOf(query) === 'flows'
    ? { unique: ['ID'], newestFirst: query.order !== 'asc', limit: query.limit || DEFAULT_FLOW_LIMIT }
    : { unique: ['id', 'revision', 'op'], newestFirst: false, limit: query.limit || DEFAULT_EVENT_LIMIT };
}

/**
 * appendRows joins rows that came by a stream to those that a query gave. It
 * gives undefined when the two are not the same table.
 */
export function appendRows(past: DataFrame, news: DataFrame, how: Joining): DataFrame | undefined {
  const fresh = past.fields.map((f) => news.fields.find((n) => n.name === f.name));
  if (fresh.some((f) => f === undefined)) {
    return undefined;
  }
  const telling = past.fields.flatMap((f, i) => (how.unique.includes(f.name) ? [i] : []));
  const value = (field: number, row: number) =>
    row < news.length ? fresh[field]?.values[news.length - 1 - row] : pastValue(past, field, row - news.length, how);

  // From the newest to the oldest, as far as there is room.
  const rows: number[] = [];
  const seen = new Set<string>();
  for (let row = 0; row < news.length + past.length && rows.length < how.limit; row++) {
    const id = telling.length > 0 ? JSON.stringify(telling.map((f) => value(f, row))) : String(row);
    if (!seen.has(id)) {
      seen.add(id);
      rows.push(row);
    }
  }
  if (!how.newestFirst) {
    rows.reverse();
  }
  return {
    ...past,
    length: rows.length,
    fields: past.fields.map((f, i) => ({
      ...f,
      values: rows.map((row) => value(i, row)),
      entities: undefined,
      state: undefined,
    })),
  };
}

function pastValue(past: DataFrame, field: number, row: number, how: Joining): unknown {
  return past.fields[field].values[how.newestFirst ? row : past.length - 1 - row];
}
