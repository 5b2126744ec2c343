import { CoreApp } from '@grafana/data';

import { DEFAULT_FIELDS, type QueryType, type SkeinQuery, type SkeinVariableQuery, type VariableKind } from './types';

/** Queries that give a useful answer on any network, one for each type. */
const EXAMPLES: Record<QueryType, Partial<SkeinQuery>> = {
  topology: { gremlin: 'G' },
  table: { gremlin: "G.V().Has('Type', 'host')", flatten: true },
  timeseries: { gremlin: 'G.V()', series: 'interface', fields: DEFAULT_FIELDS, rate: true },
  flows: { flows: 'top', by: 'pair', metric: 'bytes', limit: 20 },
  diff: { gremlin: 'G', view: 'both', changesOnly: true },
  events: { what: 'nodes', ops: ['added', 'removed', 'changed'] },
  status: {},
};

/** Types of queries of which Gremlin is an optional filter, not what they are about. */
const WITHOUT_GREMLIN: QueryType[] = ['flows', 'events', 'status'];

/** defaultQuery is what a new query of a part of Grafana starts with. */
export function defaultQuery(app?: CoreApp): Partial<SkeinQuery> {
  const queryType = app === CoreApp.UnifiedAlerting || app === CoreApp.CloudAlerting ? 'timeseries' : 'topology';
  return { queryType, ...EXAMPLES[queryType] };
}

/** typeOf is the type of a query; one that was never edited has none yet. */
export function typeOf(query: SkeinQuery): QueryType {
  return query.queryType && query.queryType in EXAMPLES ? query.queryType : 'topology';
}

/**
 * changeType makes a query one of another type. What was said stays as far as
 * the new type knows it; what it needs and nobody said yet gets an example.
 */
export function changeType(query: SkeinQuery, queryType: QueryType): SkeinQuery {
  const example = EXAMPLES[queryType];
  const untouched = !query.gremlin?.trim() || query.gremlin === EXAMPLES[typeOf(query)].gremlin;
  const next: SkeinQuery = { ...example, ...query, queryType };
  if (untouched) {
    next.gremlin = example.gremlin;
    next.builder = undefined;
  }
  // These mean something else, or another number, in each type.
  next.limit = example.limit;
  next.keys = undefined;
  return next;
}

/** asksForSomething tells whether there is anything to run. */
export function asksForSomething(query: SkeinQuery): boolean {
  const type = typeOf(query);
  if (type === 'topology' || type === 'diff' || WITHOUT_GREMLIN.includes(type)) {
    return true;
  }
  if (type === 'timeseries' && query.series === 'flows') {
    return true;
  }
  return Boolean(query.gremlin?.trim());
}

/** kindOf is what a variable lists; one that was never edited lists hosts. */
export function kindOf(query: SkeinVariableQuery): VariableKind {
  return query.kind ?? (query.gremlin ? 'gremlin' : 'hosts');
}
