import type { DataSourceJsonData } from '@grafana/data';
import type { DataQuery } from '@grafana/schema';

/** What a query asks for. `path` is reserved: the backend refuses it. */
export type QueryType = 'topology' | 'table' | 'timeseries' | 'flows' | 'diff' | 'events' | 'status';

/** What the arcs around a node of the node graph show. */
export type Arcs = 'state' | 'type' | 'change' | 'none';

/** What of a difference is shown. */
export type DiffView = 'graph' | 'table' | 'both';

/** How flows are shown: one by one, the largest sums, or as links of a Sankey diagram. */
export type FlowsView = 'list' | 'top' | 'sankey';

/** Where a time series comes from. */
export type SeriesSource = 'interface' | 'flows' | 'gremlin';

/** Which changes count as events. */
export type ChangeOp = 'added' | 'removed' | 'changed';

/** Which elements' changes count as events. */
export type ChangeSubject = 'nodes' | 'edges' | 'all';

/** Narrows flows. Each field is a comma separated list; empty or `$__all` is any. */
export interface FlowFilter {
  node?: string;
  host?: string;
  interface?: string;
  capture?: string;
  address?: string;
  port?: string;
  application?: string;
  protocol?: string;
  layers?: string;
  tracking?: string;
  finished?: string;
}

/** Where the query is shown, for the links in its answer. Filled when the query runs. */
export interface QueryLink {
  /** Path of the dashboard, `/d/<uid>`, or empty outside of dashboards. */
  dashboard: string;
  /** The other variables of the dashboard as URL parameters, without the one that opens groups. */
  params: string;
  /** The part of Grafana that asks, such as `dashboard` or `explore`. */
  app: string;
}

/** How a row of the builder compares. */
export type BuilderOp =
  '=' | '!=' | '>' | '>=' | '<' | '<=' | 'in' | 'not in' | 'matches' | 'network' | 'has' | 'lacks';

/** A value of the builder: numbers and texts are different things to the server. */
export type BuilderValue = string | number | boolean;

/** One condition of the builder. */
export interface BuilderRow {
  key: string;
  op: BuilderOp;
  values: BuilderValue[];
}

/** Where the builder goes from the nodes that it found. */
export interface BuilderFollow {
  direction: 'children' | 'parents' | 'neighbours';
  /** A relation type; empty is ownership for children and parents, any for neighbours. */
  relation: string;
  /** In edges; 0 is as far as it goes. */
  depth: number;
}

/** A query as people put it together who do not write Gremlin. */
export interface BuilderState {
  start: 'all' | 'type' | 'host';
  /** Types, or IDs of hosts. */
  of: string[];
  where: BuilderRow[];
  follow?: BuilderFollow;
  limit?: number;
}

/** What a panel, an alert rule or Explore asks the backend. */
export interface SkeinQuery extends DataQuery {
  queryType?: QueryType;
  gremlin?: string;
  /** Empty is the dashboard's time range, `now` the live graph, anything else a time. */
  time?: string;
  live?: boolean;
  link?: QueryLink;

  // topology, diff
  group?: string[];
  expand?: string;
  expandVariable?: string;
  nodeLimit?: number;
  arcs?: Arcs;
  traffic?: boolean;

  // diff, events
  keys?: string;
  changesOnly?: boolean;
  view?: DiffView;

  // table
  columns?: string[];
  flatten?: boolean;

  // flows, timeseries
  flows?: FlowsView;
  filter?: FlowFilter;
  by?: string;
  metric?: string;
  sort?: string;
  order?: 'asc' | 'desc';
  limit?: number;

  // timeseries
  series?: SeriesSource;
  fields?: string[];
  rate?: boolean;
  legend?: string;

  // events
  ops?: ChangeOp[];
  what?: ChangeSubject;

  // the editor's own; the backend does not look at them
  editor?: 'code' | 'builder';
  builder?: BuilderState;
}

/** What a variable lists. */
export type VariableKind = 'gremlin' | 'hosts' | 'namespaces' | 'types' | 'keys' | 'values';

/** The query of a dashboard variable. */
export interface SkeinVariableQuery extends DataQuery {
  kind?: VariableKind;
  /** Nodes that are meant; of kind `gremlin` what gives the values. */
  gremlin?: string;
  /** The key whose values are listed. */
  key?: string;
  /** The time that is asked about; empty is now. Filled when the query runs. */
  at?: string;
}

/** Settings of an instance that the browser may see. */
export interface SkeinOptions extends DataSourceJsonData {
  tlsSkipVerify?: boolean;
  tlsAuth?: boolean;
  tlsAuthWithCACert?: boolean;
  serverName?: string;
  /** Seconds that one request may take. */
  timeout?: number;
  maxRows?: number;
  nodeLimit?: number;
  forwardUser?: boolean;
  oauthPassThru?: boolean;
  /** Whether answers link to the dashboards that come with Skein. */
  dashboards?: boolean;
}

/** Settings that only the backend sees. */
export interface SkeinSecrets {
  token?: string;
  tlsCACert?: string;
  tlsClientCert?: string;
  tlsClientKey?: string;
}

export const DEFAULT_TIMEOUT = 10;
export const DEFAULT_MAX_ROWS = 10000;
export const DEFAULT_NODE_LIMIT = 200;
export const MAX_NODE_LIMIT = 2000;
export const DEFAULT_FLOW_LIMIT = 100;
export const DEFAULT_EVENT_LIMIT = 1000;
export const DEFAULT_EXPAND_VARIABLE = 'expand';
export const DEFAULT_GROUP = ['host', 'namespace', 'type'];
export const DEFAULT_FIELDS = ['RxBytes', 'TxBytes'];
