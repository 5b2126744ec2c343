import { Stack } from '@grafana/ui';
import React from 'react';

import { ChoiceField, ListField, NumberField, TextField } from '../fields';
import type { PartProps } from '../props';
import { DEFAULT_EVENT_LIMIT, type ChangeOp, type ChangeSubject } from '../../types';

const OPS: Array<{ value: ChangeOp; label: string }> = [
  { value: 'added', label: 'added' },
  { value: 'removed', label: 'removed' },
  { value: 'changed', label: 'changed' },
];

const SUBJECTS: Array<{ value: ChangeSubject; label: string; description: string }> = [
  { value: 'nodes', label: 'Nodes', description: 'Interfaces, bridges, namespaces, hosts' },
  { value: 'edges', label: 'Edges', description: 'What belongs to what, what is linked' },
  { value: 'all', label: 'Both', description: 'Nodes and edges' },
];

function isOp(text: string): text is ChangeOp {
  return OPS.some((o) => o.value === text);
}

/** Which changes of the topology are events. */
export function EventsOptions({ query, set }: Pick<PartProps, 'query' | 'set'>) {
  return (
    <Stack gap={0.5} wrap="wrap">
      <ChoiceField
        label="Changes of"
        width={14}
        value={query.what ?? 'all'}
        options={SUBJECTS}
        onCommit={(what) => set({ what })}
      />
      <ListField
        label="that were"
        width={40}
        custom={false}
        value={query.ops ?? []}
        options={OPS}
        placeholder="added, removed, changed"
        onCommit={(chosen) => {
          const ops = chosen.filter(isOp);
          set({ ops: ops.length > 0 ? ops : undefined });
        }}
      />
      <TextField
        label="Keys"
        tooltip="Of what was changed: keys that count, with commas; empty is all but counters"
        value={query.keys}
        placeholder="all"
        width={24}
        onCommit={(keys) => set({ keys: keys || undefined })}
      />
      <NumberField
        label="Limit"
        tooltip="The most events: the newest"
        fallback={DEFAULT_EVENT_LIMIT}
        value={query.limit}
        max={10000}
        onCommit={(limit) => set({ limit })}
      />
    </Stack>
  );
}
