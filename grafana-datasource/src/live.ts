import {
  FieldType,
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
import type { SkeinQuery } from './types';

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

/**
 * appendRows puts rows that came by a stream to those that a query gave: on the
 * side where the newest are. It gives undefined when the two are not the same
 * table; of the rows, the newest `limit` stay.
 */
export function appendRows(past: DataFrame, news: DataFrame, limit: number): DataFrame | undefined {
  const fields = past.fields.map((f) => news.fields.find((n) => n.name === f.name));
  if (fields.some((f) => f === undefined)) {
    return undefined;
  }
  const newestFirst = isNewestFirst(past);
  const length = Math.min(past.length + news.length, limit);
  return {
    ...past,
    length,
    fields: past.fields.map((f, i) => {
      const fresh = Array.from(fields[i]?.values ?? []);
      const values = newestFirst
        ? [...fresh.reverse(), ...f.values].slice(0, length)
        : [...f.values, ...fresh].slice(-length);
      return { ...f, values, entities: undefined, state: undefined };
    }),
  };
}

function isNewestFirst(frame: DataFrame): boolean {
  const times = frame.fields.find((f) => f.type === FieldType.time)?.values ?? [];
  return times.length > 1 && times[0] > times[times.length - 1];
}
