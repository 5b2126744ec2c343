import { Stack } from '@grafana/ui';
import React from 'react';

import { TopologyOptions } from './TopologyOptions';
import { ChoiceField, SwitchField, TextField } from '../fields';
import type { PartProps } from '../props';
import type { DiffView } from '../../types';

const VIEWS: Array<{ value: DiffView; label: string }> = [
  { value: 'both', label: 'Graph and table' },
  { value: 'graph', label: 'Graph' },
  { value: 'table', label: 'Table' },
];

/** What of the difference between the two ends of the time range is shown. */
export function DiffOptions(props: PartProps & { nodeLimit: number }) {
  const { query, set } = props;
  const view = query.view ?? 'both';
  return (
    <>
      <Stack gap={0.5} wrap="wrap">
        <ChoiceField label="Show" width={20} value={view} options={VIEWS} onCommit={(next) => set({ view: next })} />
        <SwitchField
          label="Changes only"
          tooltip="Leaves out what stayed the same, but for what is needed to see where a change happened"
          value={query.changesOnly ?? true}
          onCommit={(changesOnly) => set({ changesOnly })}
        />
        <TextField
          label="Keys"
          tooltip="Keys whose changes count, with commas; empty is all but counters"
          value={query.keys}
          placeholder="all"
          onCommit={(keys) => set({ keys: keys || undefined })}
        />
      </Stack>
      {view !== 'table' && <TopologyOptions {...props} arcs="change" />}
    </>
  );
}
