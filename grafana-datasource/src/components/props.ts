import type { TimeRange } from '@grafana/data';

import type { Resources } from '../resources';
import type { SkeinQuery } from '../types';

/** What every part of the query editor is given. */
export interface PartProps {
  query: SkeinQuery;
  resources: Resources;
  /** Changes some fields of the query and runs it. */
  set: (change: Partial<SkeinQuery>) => void;
}

/** How far from now a range may end to be about the live graph, in milliseconds; as in the backend. */
const NOW_IS = 15_000;

/** timeOf is the time whose keys and values are offered: empty is now. */
export function timeOf(query: SkeinQuery, range?: TimeRange): string {
  if (query.time) {
    return query.time === 'now' ? '' : query.time;
  }
  const to = range?.to.valueOf() ?? Number.NaN;
  return Number.isNaN(to) || to > Date.now() - NOW_IS ? '' : new Date(to).toISOString();
}
