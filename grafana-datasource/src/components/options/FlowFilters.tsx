import { Stack } from '@grafana/ui';
import React from 'react';

import { ChoiceField, TextField } from '../fields';
import type { PartProps } from '../props';
import type { FlowFilter } from '../../types';

const TEXTS: Array<{ name: keyof FlowFilter; label: string; placeholder?: string; tooltip?: string; width?: number }> =
  [
    {
      name: 'address',
      label: 'Address',
      placeholder: '10.0.0.0/8',
      tooltip: 'Of either end: addresses or networks',
      width: 24,
    },
    { name: 'port', label: 'Port', placeholder: '443', width: 12 },
    { name: 'application', label: 'Application', placeholder: 'HTTPS', width: 16 },
    { name: 'protocol', label: 'Protocol', placeholder: 'TCP', width: 12 },
    { name: 'interface', label: 'Interface', placeholder: 'eth0', tooltip: 'Where it was seen, by name', width: 16 },
    { name: 'capture', label: 'Capture', width: 16 },
    { name: 'layers', label: 'Layers', placeholder: 'Ethernet/IPv4/TCP', width: 20 },
    { name: 'tracking', label: 'Tracking ID', tooltip: 'The same wherever a flow is seen', width: 20 },
  ];

const FINISHED = [
  { value: 'true', label: 'ended' },
  { value: 'false', label: 'going on' },
];

/** Narrows flows; what is summed over time does not know whether a flow ended. Everything takes several values with commas, and variables. */
export function FlowFilters({ query, resources, set, overTime }: PartProps & { overTime?: boolean }) {
  const filter = query.filter ?? {};
  const change = (name: keyof FlowFilter, value: string) => {
    const { [name]: _, ...rest } = filter;
    const next = value === '' ? rest : { ...rest, [name]: value };
    set({ filter: Object.keys(next).length > 0 ? next : undefined });
  };
  return (
    <Stack gap={0.5} wrap="wrap">
      <ChoiceField
        label="Host"
        width={22}
        value={filter.host ?? ''}
        options={() => resources.hosts()}
        custom
        clearable
        placeholder="any"
        onCommit={(v) => change('host', v)}
      />
      <ChoiceField
        label="Node"
        tooltip="Where it was seen, by ID or name"
        width={22}
        value={filter.node ?? ''}
        options={(typed) => resources.nodes(typed)}
        custom
        clearable
        placeholder="any"
        onCommit={(v) => change('node', v)}
      />
      {TEXTS.map(({ name, ...t }) => (
        <TextField key={name} {...t} value={filter[name]} onCommit={(v) => change(name, v.trim())} />
      ))}
      {!overTime && (
        <ChoiceField
          label="State"
          width={16}
          value={filter.finished ?? ''}
          options={FINISHED}
          clearable
          placeholder="any"
          onCommit={(v) => change('finished', v)}
        />
      )}
    </Stack>
  );
}
