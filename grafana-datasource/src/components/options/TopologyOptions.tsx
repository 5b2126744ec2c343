import { Stack } from '@grafana/ui';
import React from 'react';

import { ChoiceField, ListField, NumberField, SwitchField, TextField } from '../fields';
import type { PartProps } from '../props';
import { DEFAULT_EXPAND_VARIABLE, DEFAULT_GROUP, MAX_NODE_LIMIT, type Arcs } from '../../types';

const LEVELS = [
  { value: 'host', label: 'host' },
  { value: 'namespace', label: 'namespace' },
  { value: 'owner', label: 'owner', description: 'What it belongs to' },
  { value: 'type', label: 'type' },
  { value: 'K8s.Namespace', label: 'K8s.Namespace' },
  { value: 'K8s.Owner.Name', label: 'K8s.Owner.Name' },
];

const ARCS: Array<{ value: Arcs; label: string; description?: string }> = [
  { value: 'state', label: 'State', description: 'Up, down, stale' },
  { value: 'type', label: 'Type', description: 'What groups consist of' },
  { value: 'change', label: 'Change', description: 'Added, removed, changed' },
  { value: 'none', label: 'None', description: 'A colour instead' },
];

/** How a graph is drawn: also a part of differences. */
export function TopologyOptions({
  query,
  set,
  arcs = 'state',
  nodeLimit,
}: PartProps & { arcs?: Arcs; nodeLimit: number }) {
  return (
    <Stack gap={0.5} wrap="wrap">
      <ListField
        label="Group by"
        tooltip="How nodes are gathered when there are more than the limit, coarse to fine. Any key will do."
        value={query.group ?? []}
        options={LEVELS}
        placeholder={DEFAULT_GROUP.join(', ')}
        onCommit={(group) => set({ group: group.length > 0 ? group : undefined })}
      />
      <TextField
        label="Open"
        tooltip="Paths of groups to open, with commas between them; * is everything. With a variable here, the links in the graph open and close groups."
        value={query.expand}
        placeholder={`\${${DEFAULT_EXPAND_VARIABLE}}`}
        width={24}
        onCommit={(expand) => set({ expand: expand || undefined })}
      />
      <TextField
        label="Variable"
        tooltip="The text variable of the dashboard that opening and closing a group sets"
        value={query.expandVariable}
        placeholder={DEFAULT_EXPAND_VARIABLE}
        width={14}
        onCommit={(expandVariable) => set({ expandVariable: expandVariable || undefined })}
      />
      <NumberField
        label="Nodes"
        tooltip="The most nodes and groups. The panel draws 200."
        fallback={nodeLimit}
        value={query.nodeLimit}
        max={MAX_NODE_LIMIT}
        onCommit={(n) => set({ nodeLimit: n })}
      />
      <ChoiceField
        label="Arcs"
        tooltip="What the ring around a node shows"
        width={14}
        value={query.arcs ?? arcs}
        options={ARCS}
        onCommit={(next) => set({ arcs: next })}
      />
      <SwitchField
        label="Traffic"
        tooltip="Edges are as thick as what they carry now"
        value={query.traffic ?? true}
        onCommit={(traffic) => set({ traffic })}
      />
    </Stack>
  );
}
