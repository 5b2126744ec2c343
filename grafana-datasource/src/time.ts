import type { TimeRange } from '@grafana/data';

import type { SkeinQuery } from './types';

/** How far from now a range may end to be about the live graph, in milliseconds; as in the backend. */
const NOW_IS = 15_000;

/** timeOf is the time whose keys and values are offered: empty is now. */
export function timeOf(query: Pick<SkeinQuery, 'time'>, range?: TimeRange): string {
  if (query.time) {
    return query.time === 'now' ? '' : query.time;
  }
  const to = range?.to.valueOf() ?? Number.NaN;
  return Number.isNaN(to) || to > Date.now() - NOW_IS ? '' : new Date(to).toISOString();
}
