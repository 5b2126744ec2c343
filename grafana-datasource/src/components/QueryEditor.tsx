import type { QueryEditorProps } from '@grafana/data';
import { InlineField, RadioButtonGroup, Stack } from '@grafana/ui';
import React from 'react';

import { ChoiceField, SwitchField } from './fields';
import { GremlinField } from './GremlinField';
import { DiffOptions } from './options/DiffOptions';
import { EventsOptions } from './options/EventsOptions';
import { FlowsOptions } from './options/FlowsOptions';
import { SeriesOptions } from './options/SeriesOptions';
import { TableOptions } from './options/TableOptions';
import { TopologyOptions } from './options/TopologyOptions';
import type { PartProps } from './props';
import type { SkeinDataSource } from '../datasource';
import { changeType, typeOf } from '../defaults';
import { liveMode } from '../live';
import { timeOf } from '../time';
import { DEFAULT_MAX_ROWS, DEFAULT_NODE_LIMIT, type QueryType, type SkeinOptions, type SkeinQuery } from '../types';

const TYPES: Array<{ value: QueryType; label: string; description: string }> = [
  { value: 'topology', label: 'Topology', description: 'A graph, for the Node graph panel' },
  { value: 'table', label: 'Table', description: 'Nodes, edges, flows or values in rows' },
  { value: 'timeseries', label: 'Time series', description: 'What interfaces and flows moved' },
  { value: 'flows', label: 'Flows', description: 'Who talks to whom' },
  { value: 'diff', label: 'Difference', description: 'Between the two ends of the time range' },
  { value: 'events', label: 'Events', description: 'What came, went and changed' },
  { value: 'status', label: 'Status', description: 'Of topologyd' },
];

const TIMES = [
  { value: 'now', label: 'now', description: 'The live graph, whatever the time range' },
  { value: '-1h', label: '-1h', description: 'So long ago; or a time such as 2026-03-01 12:00:00' },
];

export type Props = QueryEditorProps<SkeinDataSource, SkeinQuery, SkeinOptions>;

/** What a panel, Explore or an alert rule asks. */
export function QueryEditor({ query, datasource, range, onChange, onRunQuery }: Props) {
  const type = typeOf(query);
  const set = (change: Partial<SkeinQuery>) => {
    onChange({ ...query, queryType: type, ...change });
    onRunQuery();
  };
  const part: PartProps = { query, resources: datasource.resources, set };
  const hint = gremlinHint(query, type);
  const canLive = liveMode({ ...query, live: true }) !== 'off' || query.live;

  return (
    <Stack direction="column" gap={1}>
      <Stack gap={1} wrap="wrap" alignItems="flex-start">
        <InlineField label="Query type">
          <RadioButtonGroup<QueryType>
            aria-label="Query type"
            options={TYPES}
            value={type}
            onChange={(next) => {
              onChange(changeType(query, next));
              onRunQuery();
            }}
          />
        </InlineField>
        {canLive && (
          <SwitchField
            label="Live"
            tooltip="Follows the network as long as the time range ends now"
            value={query.live ?? false}
            onCommit={(live) => set({ live: live || undefined })}
          />
        )}
      </Stack>
      {hint && (
        <GremlinField
          gremlin={query.gremlin}
          builder={query.builder}
          editor={query.editor}
          hint={hint.text}
          withBuilder={hint.builder}
          resources={datasource.resources}
          at={timeOf(query, range)}
          onChange={(change) => onChange({ ...query, queryType: type, ...change })}
          onRun={onRunQuery}
        />
      )}
      <div>{options(type, part, datasource)}</div>
      {(type === 'topology' || type === 'table') && (
        <ChoiceField
          label="Time"
          tooltip="Empty: the end of the time range"
          width={28}
          value={query.time ?? ''}
          options={TIMES}
          custom
          clearable
          placeholder="end of the time range"
          onCommit={(time) => set({ time: time || undefined })}
        />
      )}
    </Stack>
  );
}

function options(type: QueryType, part: PartProps, { nodeLimit, maxRows }: SkeinDataSource) {
  switch (type) {
    case 'topology':
      return <TopologyOptions {...part} nodeLimit={nodeLimit ?? DEFAULT_NODE_LIMIT} />;
    case 'diff':
      return <DiffOptions {...part} nodeLimit={nodeLimit ?? DEFAULT_NODE_LIMIT} />;
    case 'table':
      return <TableOptions {...part} maxRows={maxRows ?? DEFAULT_MAX_ROWS} />;
    case 'flows':
      return <FlowsOptions {...part} />;
    case 'timeseries':
      return <SeriesOptions {...part} />;
    case 'events':
      return <EventsOptions {...part} />;
    default:
      return null;
  }
}

/** gremlinHint tells what the query has to give; undefined when the type has none. */
function gremlinHint(query: SkeinQuery, type: QueryType): { text: string; builder: boolean } | undefined {
  switch (type) {
    case 'topology':
    case 'diff':
      return { text: 'a graph, nodes, edges or paths; G is everything', builder: true };
    case 'table':
      return { text: 'anything', builder: true };
    case 'events':
      return { text: 'only changes of these nodes and edges; empty is all', builder: true };
    case 'timeseries':
      switch (query.series ?? 'interface') {
        case 'interface':
          return { text: 'nodes that have counters', builder: true };
        case 'gremlin':
          return { text: 'ends in Metrics(), Aggregates() or a number', builder: false };
        default:
          return undefined;
      }
    default:
      return undefined;
  }
}
