import {
  CoreApp,
  type DataFrame,
  type DataQueryRequest,
  type DataQueryResponse,
  type DataSourceInstanceSettings,
  type ScopedVars,
} from '@grafana/data';
import { DataSourceWithBackend, config, getGrafanaLiveSrv, getTemplateSrv } from '@grafana/runtime';
import { EMPTY, Observable, Subscription, catchError, defer, filter, map, merge, of, throttleTime } from 'rxjs';

import { annotationSupport } from './annotations';
import { asksForSomething, defaultQuery, typeOf } from './defaults';
import { openHere } from './frames';
import { linkOf } from './links';
import {
  STREAM_BUFFER,
  appendRows,
  channelOf,
  endsNow,
  joining,
  liveMode,
  rerun,
  revisionChannel,
  streaming,
  withFreshRange,
} from './live';
import { newResources, type Resources } from './resources';
import { interpolate } from './templating';
import type { SkeinOptions, SkeinQuery } from './types';
import { SkeinVariables } from './variables';

/** How often a live panel asks again at most, in milliseconds. */
const RERUN_EVERY = 2000;

type Request = DataQueryRequest<SkeinQuery>;

/** SkeinDataSource asks topologyd, through the backend of this plugin. */
export class SkeinDataSource extends DataSourceWithBackend<SkeinQuery, SkeinOptions> {
  readonly resources: Resources;
  /** The limits of the instance, where it has its own. */
  readonly nodeLimit?: number;
  readonly maxRows?: number;

  constructor(settings: DataSourceInstanceSettings<SkeinOptions>) {
    super(settings);
    this.nodeLimit = settings.jsonData.nodeLimit;
    this.maxRows = settings.jsonData.maxRows;
    this.resources = newResources(this);
    this.variables = new SkeinVariables(this);
    this.annotations = annotationSupport();
  }

  getDefaultQuery(app: CoreApp): Partial<SkeinQuery> {
    return defaultQuery(app);
  }

  filterQuery(query: SkeinQuery): boolean {
    return !query.hide && asksForSomething(query);
  }

  getQueryDisplayText(query: SkeinQuery): string {
    return [typeOf(query), query.gremlin].filter(Boolean).join(' ');
  }

  applyTemplateVariables(query: SkeinQuery, scopedVars: ScopedVars): SkeinQuery {
    const filled = interpolate(query, getTemplateSrv(), scopedVars);
    return { ...filled, queryType: typeOf(query), builder: undefined, editor: undefined };
  }

  /** query answers, and goes on to answer as long as a query is live and its time range ends now. */
  query(request: Request): Observable<DataQueryResponse> {
    const linked: Request = {
      ...request,
      targets: request.targets.map((t) => ({ ...t, link: linkOf(t, request, getTemplateSrv()) })),
    };
    const live = endsNow(request) && !config.publicDashboardAccessToken ? getGrafanaLiveSrv() : undefined;
    const those = (mode: string) => linked.targets.filter((t) => (live ? liveMode(t) : 'off') === mode);
    const revised = those('revision');
    const streams = those('stream');
    if (revised.length + streams.length === 0) {
      return this.ask(linked);
    }
    // Requests with one ID would end each other.
    const part = (name: string, targets: SkeinQuery[]): Request => ({
      ...linked,
      requestId: `${request.requestId}-${name}`,
      targets,
    });
    const still = those('off');
    return merge(
      still.length > 0 ? this.ask(part('still', still)).pipe(map((r) => ({ ...r, key: 'still' }))) : EMPTY,
      revised.length > 0 ? this.followRevision(part('live', revised)) : EMPTY,
      ...streams.map((t) => this.followRows(t, part(`stream-${t.refId}`, [t])))
    );
  }

  /** ask asks the backend once. */
  private ask(request: Request): Observable<DataQueryResponse> {
    return super.query(request).pipe(map(openHere));
  }

  /** followRevision asks again when the graph has changed. */
  private followRevision(request: Request): Observable<DataQueryResponse> {
    const ask = () =>
      defer(() => this.ask(withFreshRange(request))).pipe(map((response) => streaming(response, 'live')));
    const changes = getGrafanaLiveSrv()
      .getDataStream({ addr: revisionChannel(this.uid), key: `${request.requestId}-revision` })
      .pipe(
        // The first says only what the stream looks like.
        filter((response) => (response.data[0]?.length ?? 0) > 0),
        throttleTime(RERUN_EVERY, undefined, { leading: true, trailing: true }),
        // Without the stream there is the answer, and the dashboard's refresh.
        catchError(() => EMPTY)
      );
    return rerun(merge(of(null), changes), ask);
  }

  /** followRows gives the rows that there are, then those that come. */
  private followRows(target: SkeinQuery, request: Request): Observable<DataQueryResponse> {
    return new Observable((subscriber) => {
      const key = `stream-${target.refId}`;
      let past: DataFrame | undefined;
      let rest: DataQueryResponse = { data: [] };
      let news: DataFrame | undefined;
      const emit = () => {
        const joined = past && news ? appendRows(past, news, joining(target)) : (past ?? news);
        const frames = joined ? [joined] : [past, news].filter((f) => f !== undefined);
        subscriber.next(streaming({ ...rest, data: [...frames, ...rest.data.slice(1)] }, key));
      };
      // Not that of the query: it ends, the stream goes on.
      const both = new Subscription();
      const asked = this.ask(request).subscribe({
        next(response) {
          rest = response;
          past = response.data[0];
          emit();
        },
        error: (err) => subscriber.error(err),
      });
      const query = this.applyTemplateVariables(target, request.scopedVars);
      both.add(asked);
      both.add(
        getGrafanaLiveSrv()
          .getDataStream({ addr: channelOf(this.uid, query), key, buffer: STREAM_BUFFER })
          .pipe(catchError(() => EMPTY))
          .subscribe((response) => {
            news = response.data[0];
            if (news && news.length > 0) {
              emit();
            }
          })
      );
      return both;
    });
  }
}
