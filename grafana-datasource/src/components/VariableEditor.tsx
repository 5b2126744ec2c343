import type { QueryEditorProps } from '@grafana/data';
import { Stack } from '@grafana/ui';
import React from 'react';

import { ChoiceField } from './fields';
import { GremlinField } from './GremlinField';
import type { SkeinDataSource } from '../datasource';
import { kindOf } from '../defaults';
import { timeOf } from '../time';
import type { SkeinOptions, SkeinQuery, SkeinVariableQuery, VariableKind } from '../types';

const KINDS: Array<{ value: VariableKind; label: string; description: string }> = [
  { value: 'hosts', label: 'Hosts', description: 'By name; the value is the ID' },
  { value: 'namespaces', label: 'Network namespaces', description: 'By name; the value is the ID' },
  { value: 'types', label: 'Types', description: 'Types of nodes that there are' },
  { value: 'keys', label: 'Keys', description: 'Keys that nodes have' },
  { value: 'values', label: 'Values of a key', description: 'The most common first' },
  { value: 'gremlin', label: 'Gremlin', description: "Values, or nodes by name: G.V().Values('Name')" },
];

type Props = QueryEditorProps<SkeinDataSource, SkeinQuery, SkeinOptions, SkeinVariableQuery>;

/** What a dashboard variable lists. */
export function VariableEditor({ query, datasource, range, onChange, onRunQuery }: Props) {
  const { resources } = datasource;
  const kind = kindOf(query);
  const set = (change: Partial<SkeinVariableQuery>) => {
    onChange({ ...query, refId: query.refId || 'variable', kind, ...change });
    onRunQuery?.();
  };
  return (
    <Stack direction="column" gap={1}>
      <Stack gap={0.5} wrap="wrap">
        <ChoiceField label="List" width={24} value={kind} options={KINDS} onCommit={(next) => set({ kind: next })} />
        {kind === 'values' && (
          <ChoiceField
            label="Key"
            width={28}
            value={query.key ?? ''}
            options={() => resources.keys(query.gremlin)}
            custom
            onCommit={(key) => set({ key })}
          />
        )}
      </Stack>
      {(kind === 'gremlin' || kind === 'values' || kind === 'keys') && (
        <GremlinField
          gremlin={query.gremlin}
          hint={kind === 'gremlin' ? 'values, or nodes' : 'only of these nodes; empty is all'}
          withBuilder={false}
          resources={resources}
          at={timeOf({}, range)}
          onChange={({ gremlin }) => set({ gremlin })}
          onRun={() => onRunQuery?.()}
        />
      )}
    </Stack>
  );
}
